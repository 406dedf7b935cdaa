"""What a request says, as values: paths and query strings, decoded exactly once from their raw form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.requests import Request

from app.core.errors import AppError, Invalid
from app.core.opaque import decode_opaque, encode_opaque
from app.models.names import check_server_name
from app.models.queries import DEFAULT_PAGE, MAX_PAGE, Key, ListServers, Window, clamp_time
from app.resolvers.context import Ctx

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_RFC3339 = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,30})?(Z|[+-]\d{2}:\d{2})", re.ASCII)
_FILTERS = ("search", "version", "updated_since", "include_deleted")
_BOOLEANS = {"true": True, "false": False}


def context(request: Request) -> Ctx:
    ctx: Ctx = request.app.state.ctx
    return ctx


def path_text(request: Request, parameter: str, label: str) -> str:
    """A path segment, decoded once. `label` is the parameter's public name. Raises Invalid."""
    raw: str = request.path_params[parameter]
    if _BAD_ESCAPE.search(raw):
        raise Invalid(f"invalid URL encoding in {label}")
    try:
        value = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"invalid URL encoding in {label}: not UTF-8") from error
    if not value.strip():
        raise Invalid(f"{label} cannot be empty")
    if any(c in value for c in " \t\r\n"):
        raise Invalid(f"{label} cannot contain whitespace")
    return value


def registry_name(request: Request) -> str | None:
    """None on the aggregate's paths."""
    return path_text(request, "registry", "registryName") if "registry" in request.path_params else None


def server_name(request: Request, refusal: type[AppError] = Invalid) -> str:
    """Raises `refusal` for what is no server's name."""
    name = path_text(request, "name", "serverName")
    reason = check_server_name(name)
    if reason is not None:
        raise refusal(f"invalid server name format: {reason}")
    return name


def include_deleted(request: Request) -> bool:
    return _boolean("include_deleted", _query(request).get("include_deleted")) or False


def choice(request: Request, name: str, allowed: Sequence[str]) -> str | None:
    """A parameter with few values; None where it is absent. Raises Invalid."""
    text = _query(request).get(name)
    if text is not None and text not in allowed:
        raise Invalid(f"Invalid {name} parameter: must be {' or '.join(allowed)}")
    return text


def list_servers(request: Request) -> ListServers:
    """The query of a list request. A cursor brings its list's filters along; given again they must agree."""
    given = _query(request)
    filters = {name: given.get(name) for name in _FILTERS}
    after = None
    if "cursor" in given:
        after, carried = _cursor(given["cursor"])
        filters = {name: _agreed(name, filters[name], carried.get(name)) for name in _FILTERS}
    return ListServers(
        registry=registry_name(request),
        search=filters["search"],
        version=filters["version"],
        updated_since=_time("updated_since", filters["updated_since"]),
        include_deleted=_boolean("include_deleted", filters["include_deleted"]),
        window=Window(limit=_limit(given.get("limit")), after=after),
    )


def next_cursor(request: Request, key: Key) -> str:
    """The cursor of the page that follows the row at `key`, with the filters that are in force."""
    given = _query(request)
    carried = _cursor(given["cursor"])[1] if "cursor" in given else {}
    filters = {name: given.get(name) or carried.get(name) for name in _FILTERS}
    return encode_opaque([list(key), {name: value for name, value in filters.items() if value is not None}])


def _query(request: Request) -> dict[str, str]:
    """The first value of each parameter; an empty one counts as absent."""
    try:
        text = request.scope["query_string"].decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise Invalid("the query string is not UTF-8, or holds more than 100 parameters") from error
    first: dict[str, str] = {}
    for name, value in pairs:
        first.setdefault(name, value)
    return {name: value for name, value in first.items() if value}


def _cursor(text: str) -> tuple[Key, Mapping[str, str]]:
    value: Any = decode_opaque(text, "cursor parameter")
    match value:
        case [list(key), dict(carried)] if all(isinstance(filter_, str) for filter_ in carried.values()):
            return tuple(key), carried
    raise Invalid("Invalid cursor parameter: it belongs to another kind of list")


def _agreed(name: str, given: str | None, carried: str | None) -> str | None:
    if given is not None and given != carried:
        raise Invalid(f"Invalid cursor parameter: it belongs to a list with another {name}")
    return carried


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_PAGE
    if not _INTEGER.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise Invalid("Invalid limit parameter: must be an integer")
    if int(text) < 1:
        raise Invalid("Invalid limit parameter: must be at least 1")
    return min(int(text), MAX_PAGE)


def _time(name: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    match = _RFC3339.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        day, fraction, zone = match.groups()
        at = datetime.fromisoformat(f"{day}{(fraction or '')[:7]}{'+00:00' if zone == 'Z' else zone}")
    except ValueError as error:
        raise Invalid(f"Invalid {name} parameter: must be RFC3339 format (e.g., 2025-08-07T13:15:04.280Z)") from error
    return clamp_time(at)


def _boolean(name: str, text: str | None) -> bool | None:
    if text is None:
        return None
    if text not in _BOOLEANS:
        raise Invalid(f"Invalid {name} parameter: must be true or false")
    return _BOOLEANS[text]
