"""Decodes answers as Go's encoding/json does into the registry's v0 types: one bad value fails the whole page.

Types are strict, unknown keys are ignored, keys match in any case, times are RFC 3339. Where a null or an absent key
would leave Go with an empty value for what the API promises, data are lost without a word: that counts as a failure
here. A null is taken where Go has a nil. Of times Go lets pass a few forms that RFC 3339 does not have (a comma for the
point, one digit for the hour, more than nine decimals, a zone of 24 hours): no server may count on them, so they are
refused.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from typing import Any

from tests.clients.wire import OFFICIAL, ClientError, Json

Decoder = Callable[[Any, str], Any]

_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))", re.ASCII)
_INT64 = range(-(2**63), 2**63)


def text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _mismatch(value, path, "string")
    return value


def flag(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise _mismatch(value, path, "bool")
    return value


def integer(value: Any, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value not in _INT64:
        raise _mismatch(value, path, "int")
    return value


def time(value: Any, path: str) -> str:
    match = _TIME.fullmatch(text(value, path))
    if match is None:
        raise ClientError(f"{path}: parsing time {value!r} as RFC 3339")
    year, month, day, hour, minute, second, zone_hour, zone_minute = (int(part or 0) for part in match.groups())
    in_range = 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]
    if not in_range or max(hour, zone_hour) > 23 or max(minute, second, zone_minute) > 59:
        raise ClientError(f"{path}: parsing time {value!r}: out of range")
    return match[0]


def anything(value: Any, path: str) -> Any:
    return value


def array(of: Decoder) -> Decoder:
    def decode(value: Any, path: str) -> list[Any]:
        if value is None:
            return []
        if not isinstance(value, list):
            raise _mismatch(value, path, "slice")
        return [of(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return decode


def mapping(of: Decoder) -> Decoder:
    def decode(value: Any, path: str) -> Json:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _mismatch(value, path, "map")
        return {key: of(item, f"{path}.{key}") for key, item in value.items()}

    return decode


def pointer(to: Decoder) -> Decoder:
    return lambda value, path: None if value is None else to(value, path)


def struct(promised: Mapping[str, Decoder], optional: Mapping[str, Decoder]) -> Decoder:
    """The result is what Go would write again: known keys only, the optional ones only if they say something."""
    fields = {**promised, **optional}
    folded = {name.casefold(): name for name in fields}

    def decode(value: Any, path: str) -> Json:
        if not isinstance(value, dict):
            raise _mismatch(value, path, "struct")
        found = {}
        for key, item in value.items():
            name = key if key in fields else folded.get(key.casefold())
            if name is not None:
                found[name] = fields[name](item, f"{path}.{key}")
        if lost := promised.keys() - found.keys():
            raise ClientError(f"{path} has no {', '.join(sorted(lost))}")
        return {name: item for name, item in found.items() if item or name in promised}

    return decode


def _mismatch(value: Any, path: str, kind: str) -> ClientError:
    return ClientError(f"json: cannot unmarshal {value!r:.80} into {path} of type {kind}")


_TEXTS = ("description", "format", "value", "default", "placeholder")
_INPUT = dict.fromkeys(_TEXTS, text) | {"isRequired": flag, "isSecret": flag, "choices": array(text)}
_VARIABLES = {"variables": mapping(struct({}, _INPUT))}
_KEY_VALUE = array(struct({"name": text}, _INPUT | _VARIABLES))
_ARGUMENT = {"name": text, "valueHint": text, "isRepeated": flag}
_ARGUMENTS = array(struct({"type": text}, _INPUT | _VARIABLES | _ARGUMENT))
_TRANSPORT = struct({"type": text}, {"url": text, "headers": _KEY_VALUE, **_VARIABLES})
_PACKAGE = struct(
    {"registryType": text, "identifier": text, "transport": _TRANSPORT},
    dict.fromkeys(("registryBaseUrl", "version", "fileSha256", "runtimeHint"), text)
    | {"runtimeArguments": _ARGUMENTS, "packageArguments": _ARGUMENTS, "environmentVariables": _KEY_VALUE},
)
_ICON = struct({"src": text}, {"mimeType": pointer(text), "sizes": array(text), "theme": pointer(text)})
_PUBLISHER = {"io.modelcontextprotocol.registry/publisher-provided": mapping(anything)}

SERVER = struct(
    {"name": text, "description": text, "version": text},
    {
        "$schema": text,
        "title": text,
        "repository": pointer(struct({}, dict.fromkeys(("url", "source", "id", "subfolder"), text))),
        "websiteUrl": text,
        "icons": array(_ICON),
        "packages": array(_PACKAGE),
        "remotes": array(_TRANSPORT),
        "_meta": pointer(struct({}, _PUBLISHER)),
    },
)
_TIMES = dict.fromkeys(("statusChangedAt", "publishedAt", "updatedAt"), time)
_OFFICIAL = struct({"status": text, "isLatest": flag, **_TIMES}, {"statusMessage": text})
RESPONSE = struct({"server": SERVER, "_meta": struct({}, {OFFICIAL: pointer(_OFFICIAL)})}, {})
PAGE = struct({"servers": array(RESPONSE), "metadata": struct({"count": integer}, {"nextCursor": text})}, {})
