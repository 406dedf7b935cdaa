"""Tidies a server.json by its shape: old key spellings renamed, nulls and meaningless empty strings left out.

Owns the table of which key stands where in any published schema of server.json. What needs more than the table is in
app.sources.quirks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of object.

    `texts` are optional strings where both "" and null mean absent; `optional` are other optional keys, where null
    does; `renamed` maps the spelling of schema 2025-07-09 to the current one. `parts` hold an object or a list of
    objects, `maps` an object whose values are objects.
    """

    texts: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    renamed: Mapping[str, str] = field(default_factory=dict)
    parts: Mapping[str, Shape] = field(default_factory=dict)
    maps: Mapping[str, Shape] = field(default_factory=dict)


def tidy(value: Mapping[str, Any], shape: Shape, *, rename: bool = True) -> _Json:
    """A tidied copy of an object; values the shape does not know are shared with it. Key order is kept.

    Without `rename` the old spellings stay, as keys that nobody knows.
    """
    copy: _Json = {}
    for key, item in value.items():
        current = shape.renamed.get(key, key) if rename else key
        if current is not key and current in value:
            current = key  # both spellings are there: the current one counts, the other passes as an unknown key
        if item is None and (current in shape.optional or current in shape.texts):
            continue
        if item == "" and current in shape.texts:
            continue
        copy[current] = _tidy_item(current, item, shape, rename)
    return copy


def _tidy_item(key: str, item: Any, shape: Shape, rename: bool) -> Any:
    if isinstance(item, dict):
        if key in shape.parts:
            return tidy(item, shape.parts[key], rename=rename)
        if key in shape.maps:
            return {name: _tidy_object(entry, shape.maps[key], rename) for name, entry in item.items()}
    elif isinstance(item, list) and key in shape.parts:
        return [_tidy_object(entry, shape.parts[key], rename) for entry in item]
    return item


def _tidy_object(value: Any, shape: Shape, rename: bool) -> Any:
    return tidy(value, shape, rename=rename) if isinstance(value, dict) else value


_INPUT_KEYS: Final = ("description", "isRequired", "value", "isSecret", "default", "placeholder", "choices")
_INPUT_RENAMED: Final = {"is_required": "isRequired", "is_secret": "isSecret"}

INPUT: Final = Shape(texts=frozenset({"format"}), optional=frozenset(_INPUT_KEYS), renamed=_INPUT_RENAMED)

# "" is a value an input or argument may really have, but a type or format it cannot be.
ARGUMENT: Final = Shape(
    texts=frozenset({"format", "type"}),
    optional=frozenset({*_INPUT_KEYS, "variables", "name", "valueHint", "isRepeated"}),
    renamed={**_INPUT_RENAMED, "value_hint": "valueHint", "is_repeated": "isRepeated"},
    maps={"variables": INPUT},
)

KEY_VALUE: Final = Shape(
    texts=frozenset({"format"}),
    optional=frozenset({*_INPUT_KEYS, "variables"}),
    renamed=_INPUT_RENAMED,
    maps={"variables": INPUT},
)

TRANSPORT: Final = Shape(
    texts=frozenset({"url"}),
    optional=frozenset({"headers", "variables"}),
    parts={"headers": KEY_VALUE},
    maps={"variables": INPUT},
)

PACKAGE: Final = Shape(
    texts=frozenset({"registryBaseUrl", "version", "runtimeHint", "fileSha256"}),
    optional=frozenset({"runtimeArguments", "packageArguments", "environmentVariables", "transport"}),
    renamed={
        "registry_type": "registryType",
        "registry_base_url": "registryBaseUrl",
        "file_sha256": "fileSha256",
        "runtime_hint": "runtimeHint",
        "runtime_arguments": "runtimeArguments",
        "package_arguments": "packageArguments",
        "environment_variables": "environmentVariables",
    },
    parts={
        "transport": TRANSPORT,
        "runtimeArguments": ARGUMENT,
        "packageArguments": ARGUMENT,
        "environmentVariables": KEY_VALUE,
    },
)

SERVER: Final = Shape(
    texts=frozenset({"$schema", "title", "websiteUrl", "repository", "status"}),
    optional=frozenset({"icons", "packages", "remotes", "_meta"}),
    renamed={"website_url": "websiteUrl"},
    parts={
        "repository": Shape(texts=frozenset({"source", "id", "subfolder", "url"})),
        "icons": Shape(texts=frozenset({"mimeType", "theme"}), optional=frozenset({"sizes"})),
        "packages": PACKAGE,
        "remotes": TRANSPORT,
    },
)
