"""The configuration file as a YAML node tree. Owns reading, decoding, syntax and duplicate keys; knows no setting."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from app.core.errors import ConfigError, Problem
from app.core.settings.draft import Loc, format_loc

_TAG = "tag:yaml.org,2002:"
NULL_TAG, STR_TAG, BOOL_TAG, INT_TAG, FLOAT_TAG = (f"{_TAG}{name}" for name in ("null", "str", "bool", "int", "float"))
_MERGE_TAG = f"{_TAG}merge"
_KNOWN_TAGS = frozenset(
    {NULL_TAG, STR_TAG, BOOL_TAG, INT_TAG, FLOAT_TAG, _MERGE_TAG, f"{_TAG}map", f"{_TAG}seq"},
)


class ConfigLoader(yaml.SafeLoader):
    """YAML 1.2's core types only, as the Go server reads them: `yes`, `on` and dates are plain text."""


ConfigLoader.yaml_implicit_resolvers = {}

for _tag, _pattern, _first in (
    (NULL_TAG, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (BOOL_TAG, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (INT_TAG, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        FLOAT_TAG,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    (_MERGE_TAG, r"<<", ["<"]),
):
    ConfigLoader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), _first)


def locate(path: Path) -> Path:
    """Resolve symbolic links. A relative path must stay inside the working directory. Raises ConfigError."""
    if str(path) in ("", "."):
        raise _failure(path, "path is required", "name the configuration file")
    try:
        resolved = path.resolve(strict=True)
        inside = path.is_absolute() or resolved.is_relative_to(Path.cwd().resolve())
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise _failure(path, f"failed to evaluate symlinks: {_reason(error)}", "check the path") from None
    if not inside:
        message = f"path is not local or contains invalid traversal: {path}"
        raise _failure(path, message, "give the absolute path of the file")
    return resolved


def read_document(path: Path) -> yaml.MappingNode:
    """Read the file and return its root mapping, merge keys resolved. Raises ConfigError with every syntax problem."""
    resolved = locate(path)
    try:
        content = resolved.read_bytes()
    except IsADirectoryError:
        raise _failure(path, "failed to read config file: it is a directory", "name the file inside it") from None
    except OSError as error:
        raise _failure(path, f"failed to read config file: {_reason(error)}", "check the permissions") from None
    root = _compose(path, _decode(path, content))
    if root is None or root.tag == NULL_TAG:
        raise _failure(path, "the configuration file is empty", "configure at least registries and auth")
    if not isinstance(root, yaml.MappingNode):
        fix = "begin with keys such as registries: and auth:"
        raise _failure(path, "the configuration file must be a mapping", fix, root.start_mark.line + 1)
    return root


def _decode(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise _failure(path, "the configuration file is not UTF-8", "save it as UTF-8", line) from None


def _compose(path: Path, text: str) -> yaml.Node | None:
    """Parse the text. The messages never quote it: what looks like YAML syntax may be an unquoted password."""
    try:
        loader = ConfigLoader(text)
        root: yaml.Node | None = loader.get_single_node()
        problems = _settle(loader, root) if root is not None else []
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        fix = "correct the YAML; quote values that begin with a special character"
        raise _failure(path, f"failed to unmarshal config: {_describe(error)}", fix, line) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        message = "failed to unmarshal config: a character that YAML does not allow"
        raise _failure(path, message, "remove it or write it as an escape in double quotes", line) from None
    except RecursionError:
        raise _failure(path, "the configuration file is nested too deeply", "remove levels or loops") from None
    if problems:
        raise ConfigError(problems)
    return root


def _describe(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "bad YAML"
    if problem.startswith("found undefined alias"):
        return "a value begins with * and is not the alias of anything"
    if problem.startswith("found undefined tag handle"):
        return "a value begins with ! and is not a known tag"
    return problem


def _settle(loader: ConfigLoader, root: yaml.Node) -> list[Problem]:
    """Check keys and tags of the whole tree and resolve merge keys, so that every mapping has each key once."""
    problems: list[Problem] = []
    waiting: list[tuple[yaml.Node, Loc]] = [(root, ())]
    seen: set[int] = set()
    while waiting:
        node, loc = waiting.pop()
        if id(node) in seen:  # an alias points to a node that was looked at where it is defined
            continue
        seen.add(id(node))
        if node.tag not in _KNOWN_TAGS:
            problems.append(Problem(format_loc(loc), "unknown YAML tag", "quote values that begin with !", _line(node)))
        if isinstance(node, yaml.SequenceNode):
            waiting.extend((item, (*loc, index)) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            problems.extend(_find_bad_keys(node, loc))
            _merge(loader, node)
            waiting.extend((value, (*loc, key.value)) for key, value in node.value if isinstance(key, yaml.ScalarNode))
    return sorted(problems, key=lambda problem: problem.line or 0)


def _find_bad_keys(node: yaml.MappingNode, loc: Loc) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            problems.append(Problem(format_loc(loc), "a key must be plain text", "write key: value", _line(key)))
        elif key.value in first:
            message = f"duplicate key '{key.value}', first on line {first[key.value]}"
            problems.append(Problem(format_loc((*loc, key.value)), message, "keep one of them", _line(key)))
        else:
            first[key.value] = _line(key)
    return problems


def _merge(loader: ConfigLoader, node: yaml.MappingNode) -> None:
    loader.flatten_mapping(node)
    last = {key.value if isinstance(key, yaml.ScalarNode) else id(key): (key, value) for key, value in node.value}
    node.value = list(last.values())


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _reason(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or "too many symbolic links"


def _failure(path: Path, message: str, fix: str, line: int | None = None) -> ConfigError:
    return ConfigError([Problem(str(path), message, fix, line)])
