"""A source as a client of the API describes it in JSON. Owns reading its types, and the rules that differ from those of
the configuration file: the words are those of the reference server, inline data are allowed, and what only the operator
may name (privileges) is refused.

Keys are read whatever their case and unknown ones are ignored, as Go does; null and blank texts count as absent.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from app.core.errors import Invalid, Refusals
from app.core.settings.draft import Draft, Loc, Place, format_loc
from app.core.settings.durations import format_duration, parse_duration
from app.core.settings.fields import Field, Shape, list_fields
from app.core.settings.privileges import refuse_privileges
from app.core.settings.rules import RESERVED_NAMES
from app.core.settings.source_rules import check_details, check_sync_policy
from app.core.settings.source_tree import FETCHED_KINDS, FileSettings, SourceKind, SourceSettings
from app.core.settings.syntax import find_url_fault, is_label
from app.core.settings.values import Block, SourceFormat

MAX_NAME = 255
SHORTEST_INTERVAL = timedelta(seconds=1)
MAX_SHOWN = 50
"""Problems named in one answer."""

_MAX_CHARACTERS = 500  # of one problem: what it quotes may be as long as the body
_NOT_OURS = ("name", "claims")  # the path gives the name, and registries of the v0.4.9 model have no claims
_HOLDS_NUL = "holds a NUL character, which cannot be stored"
_TYPES: dict[Shape, type[Any]] = {Shape.SCALARS: list, Shape.MAPPING: dict, Shape.TEXTS: dict}
_INTERVAL = ("syncPolicy", "interval")


def read_source(name: str, body: Mapping[str, Any]) -> SourceSettings:
    """The source of the registry `name`. Raises Refusals: every problem at once."""
    draft = Draft()
    _check_name(Place(draft, ()), name)
    source = _read_source(draft, name, body, "registries")
    _refuse(draft, "invalid registry configuration")
    return source


def read_own_source(name: str, body: Mapping[str, Any], *, new: bool) -> SourceSettings:
    """A source for any registry to list. Raises Refusals. A `new` one needs a name as the configuration file asks for;
    one that came with a registry of its own may have another.
    """
    draft = Draft()
    if new and not is_label(name):
        fix = "use 1 to 63 lower-case letters, digits and hyphens, a letter or a digit at both ends"
        draft.object(("name",), f"name '{name[:MAX_NAME]}' cannot be used for a source: {fix}")
    source = _read_source(draft, name, body, "sources")
    _refuse(draft, "invalid source configuration")
    return source


def check_registry_name(name: str) -> None:
    """Raises Refusals."""
    draft = Draft()
    if not name:
        draft.object(("name",), "the registry needs a name")
    _check_name(Place(draft, ()), name)
    _refuse(draft, "invalid registry configuration")


def _read_source(draft: Draft, name: str, body: Mapping[str, Any], noun: str) -> SourceSettings:
    place = Place(draft, ())
    data = _read_block(draft, body, SourceSettings, ())
    source = SourceSettings.model_validate({**data, "name": name})
    _check_kinds(place, source, noun)
    check_sync_policy(place, source.sync_policy)
    interval = source.sync_policy.interval
    if interval is not None and timedelta(0) < interval < SHORTEST_INTERVAL:
        place.object(_INTERVAL, f"syncPolicy.interval must be at least {format_duration(SHORTEST_INTERVAL)}")
    if source.file is not None:
        _check_file(place, source.file)
    if source.api is not None and source.api.endpoint and (fault := find_url_fault(source.api.endpoint)):
        place.object(("api", "endpoint"), f"api.endpoint {fault}")
    check_details(place, source)
    refuse_privileges(place, source)
    return source


def _refuse(draft: Draft, what: str) -> None:
    if draft.problems:
        found = list(zip(draft.problems, draft.places, strict=True))
        errors = [Invalid(_shorten(problem.message)).at(*loc) for problem, loc in found[:MAX_SHOWN]]
        raise Refusals(f"{what}: {_join([problem.message for problem, _ in found])}", errors)


def _join(messages: list[str]) -> str:
    shown = [_shorten(message) for message in messages[:MAX_SHOWN]]
    more = [f"and {len(messages) - MAX_SHOWN} more problems"] if len(messages) > MAX_SHOWN else []
    return "; ".join([*shown, *more])


def _shorten(message: str) -> str:
    return message if len(message) <= _MAX_CHARACTERS else f"{message[:_MAX_CHARACTERS]}…"


def _read_block(draft: Draft, given: Mapping[str, Any], block: type[Block], loc: Loc) -> dict[str, Any]:
    known = {field.key.lower(): field for field in list_fields(block)}
    data: dict[str, Any] = {}
    for key, value in given.items():
        field = known.get(key.lower())
        if field is None or (not loc and field.key in _NOT_OURS) or value is None:
            continue
        read = _read_value(draft, value, field, (*loc, field.key))
        if read is not None:
            data[field.key] = read
    return data


def _read_value(draft: Draft, value: Any, field: Field, loc: Loc) -> Any:
    """The value in the type of its setting; None for one that is blank, or that cannot be used and was reported."""
    wanted = _TYPES.get(field.shape) or (int if field.bare is int else str)
    if not isinstance(value, wanted) or isinstance(value, bool):
        draft.refuse(loc, _tell_type(loc, wanted, value))
        return None
    if isinstance(value, dict):
        if field.shape is Shape.TEXTS:
            return {key: _read_item(draft, item, (*loc, key)) for key, item in value.items()}
        return _read_block(draft, value, field.block, loc)
    if isinstance(value, list):
        return [_read_item(draft, item, (*loc, index)) for index, item in enumerate(value)]
    return _read_text(draft, value, field, loc) if isinstance(value, str) else value


def _read_item(draft: Draft, item: Any, loc: Loc) -> str:
    """Read a text of a list or a map. An unusable one keeps its place, so that the others' indexes stay true."""
    if not isinstance(item, str):
        draft.refuse(loc, _tell_type(loc, str, item))
    elif not item.strip():
        draft.refuse(loc, f"{format_loc(loc)} must not be empty")
    elif "\0" in item:
        draft.refuse(loc, f"{format_loc(loc)} {_HOLDS_NUL}")
    else:
        return item
    return "-"


def _read_text(draft: Draft, text: str, field: Field, loc: Loc) -> str | timedelta | None:
    if not text.strip():
        return None
    if "\0" in text:
        draft.refuse(loc, f"{format_loc(loc)} {_HOLDS_NUL}")
    elif field.bare is timedelta:
        return _read_duration(draft, text, loc)
    elif field.bare is SourceFormat and text not in set(SourceFormat):
        draft.refuse(loc, f"format must be 'toolhive' or 'upstream', got '{text}'")
    else:
        return text
    return None


def _read_duration(draft: Draft, text: str, loc: Loc) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError as error:
        what = "invalid sync interval" if loc == _INTERVAL else f"{format_loc(loc)} must be a valid duration"
        draft.refuse(loc, f"{what}: {error} (write e.g. 30m or 1h30m)")
        return None


def _tell_type(loc: Loc, wanted: type[Any], value: Any) -> str:
    nouns = {str: "a string", list: "an array", dict: "an object", bool: "a boolean", type(None): "null"}
    wish = "a whole number" if wanted is int else nouns[wanted]
    return f"{format_loc(loc)} must be {wish}, got {nouns.get(type(value), 'a number')}"


def _check_name(place: Place, name: str) -> None:
    if any(letter.isspace() or unicodedata.category(letter) == "Cc" for letter in name):
        place.object(("name",), "the registry's name must not contain white space or control characters")
    elif len(name) > MAX_NAME:
        place.object(("name",), f"the registry's name must have at most {MAX_NAME} characters")
    elif name in (".", ".."):
        place.object(("name",), "the registry's name must not be a dot segment: as part of a path it would vanish")
    elif name in RESERVED_NAMES:
        place.object(("name",), f"name '{name}' cannot be used for a registry: it is a part of the API's paths")


def _check_kinds(place: Place, source: SourceSettings, noun: str) -> None:
    kinds = source.kinds
    if len(kinds) > 1:
        place.object((kinds[1].value,), "only one source type may be specified")
    elif not kinds:
        if not place.draft.are_spoilt((kind.value,) for kind in SourceKind):
            place.object((), "one of git, api, file, managed, or kubernetes must be specified")
    elif source.kind in FETCHED_KINDS and source.sync_policy.interval is None and not _is_inline(place, source):
        place.object(_INTERVAL, f"syncPolicy.interval is required for {source.kind} {noun}")


def _is_inline(place: Place, source: SourceSettings) -> bool:
    """Inline data come with a request, and only with one; what cannot be read as such was meant as such."""
    return place.draft.is_spoilt(("file", "data")) or bool(source.file and source.file.data)


def _check_file(place: Place, file: FileSettings) -> None:
    given = [key for key in ("path", "url", "data") if getattr(file, key)]
    if len(given) > 1:
        place.object(("file", given[1]), "file.path, file.url and file.data are mutually exclusive")
    elif not given and not place.draft.are_spoilt(("file", key) for key in ("path", "url", "data")):
        place.object(("file",), "one of file.path, file.url and file.data is required")
    if "timeout" in file.model_fields_set and not file.url:
        place.object(("file", "timeout"), "file.timeout can only be given together with file.url")
