"""Settings from environment variables and command line flags, laid over the draft of the file.

Owns the names of the variables and what happens to unknown ones. Values are text here, as in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from app.core.settings.draft import Draft, Loc, Value, format_loc
from app.core.settings.fields import Shape, list_fields
from app.core.settings.tree import Document
from app.core.settings.values import Block, LogLevel

PREFIX = "THV_REGISTRY_"
FALLBACK_LOG_LEVEL = "LOG_LEVEL"
_LOG_LEVEL: Loc = ("log_level",)
_ANY_ITEM = "N"
_INDEX = re.compile(r"_[0-9]+(?=_)")
_INJECTED = re.compile(r"(tcp|udp|sctp)://")


def environment_names() -> dict[str, str]:
    """Every variable that is read, with the dotted path of its setting; `N` stands for the number of a list item."""
    names = {_name_variable(loc): ".".join(str(part) for part in loc) for loc in _list_scalars(Document, (), None)}
    return names | {FALLBACK_LOG_LEVEL: format_loc(_LOG_LEVEL)}


def apply_environment(draft: Draft, environ: Mapping[str, str]) -> None:
    """Put the variables' values over those of the file. An empty variable counts as unset."""
    known: set[str] = set()
    for loc in list(_list_scalars(Document, (), draft.data)):
        name = _name_variable(loc)
        known.add(name)
        value = environ.get(name, "")
        if _INJECTED.match(value):
            # Kubernetes describes the services of a namespace this way; a service may be called thv-registry-database.
            draft.warn(f"{name} is ignored: its value is a service address of the kind that Kubernetes injects")
        elif value:
            _put(draft, loc, value)
            draft.origins[loc] = name
    if FALLBACK_LOG_LEVEL in environ and _LOG_LEVEL not in draft.origins and environ[FALLBACK_LOG_LEVEL]:
        _put(draft, _LOG_LEVEL, environ[FALLBACK_LOG_LEVEL])
        draft.origins[_LOG_LEVEL] = FALLBACK_LOG_LEVEL
    _warn_of_unknown(draft, environ, known)


def apply_overrides(draft: Draft, overrides: Mapping[str, str]) -> None:
    """Put values from command line flags over everything else; the keys are dotted paths such as `auth.mode`."""
    known = {format_loc(loc): loc for loc in _list_scalars(Document, (), draft.data)}
    for path, value in overrides.items():
        if path not in known:
            draft.refuse((path,), f"unknown setting '{path}'", "name a single value, such as auth.mode")
            continue
        draft.origins[known[path]] = path
        _put(draft, known[path], value)


def settle_log_level(draft: Draft) -> None:
    """Replace the level's many spellings by the official one. A bad level is no reason not to start."""
    written = draft.data.get("log_level")
    if not isinstance(written, str):
        return
    level = {"warn": "warning"}.get(written.strip().lower(), written.strip().lower())
    if level not in set(LogLevel):
        place = draft.origins.get(_LOG_LEVEL, "log_level")
        draft.warn(f"{place}: '{written}' is not one of debug, info, warn, warning, error; info is used")
        level = LogLevel.INFO
    draft.data["log_level"] = str(level)


def _name_variable(loc: Loc) -> str:
    return PREFIX + "_".join(str(part) for part in loc).upper()


def _list_scalars(block: type[Block], loc: Loc, data: Value) -> Iterator[Loc]:
    """Yield the location of every scalar and every list of scalars, for the items that the data have.

    Without data (None instead of a mapping) one placeholder stands for the items of each list.
    """
    is_pattern = data is None
    for field in list_fields(block):
        here = (*loc, field.key)
        below = data.get(field.key, {}) if isinstance(data, dict) else None
        if field.shape in (Shape.SCALAR, Shape.SCALARS):
            yield here
        elif field.shape is Shape.MAPPING:
            yield from _list_scalars(field.block, here, below)
        elif field.shape is Shape.MAPPINGS and is_pattern:
            yield from _list_scalars(field.block, (*here, _ANY_ITEM), None)
        elif field.shape is Shape.MAPPINGS and isinstance(below, list):
            for index, item in enumerate(below):
                yield from _list_scalars(field.block, (*here, index), item)


def _put(draft: Draft, loc: Loc, value: str) -> None:
    """Set a value, making the blocks around it. An index in the location always exists: it came from the data."""
    node: Value = draft.data
    for part in loc[:-1]:
        if isinstance(node, list) and isinstance(part, int):
            node = node[part]
        elif isinstance(node, dict):
            node = node.setdefault(str(part), {})
    if isinstance(node, dict):
        node[str(loc[-1])] = value


def _warn_of_unknown(draft: Draft, environ: Mapping[str, str], known: set[str]) -> None:
    names = set(environment_names())
    suffixes = [name.removeprefix(PREFIX) for name in sorted(names | known)]
    for name in sorted(set(environ) - known):
        if not name.startswith(PREFIX) or not environ[name]:
            continue
        if _INDEX.sub(f"_{_ANY_ITEM}", name) in names:
            draft.warn(f"{name} is ignored: the configuration file has no list item with this number")
        elif near := get_close_matches(name.removeprefix(PREFIX), suffixes, n=1, cutoff=0.85):
            draft.warn(f"{name} is not a setting and is ignored; did you mean {PREFIX}{near[0]}?")
