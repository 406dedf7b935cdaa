"""What must hold between sources and registries, and the list of all other rules. Both generations are judged here.

The messages are those of the reference implementation where it has one, so that operators recognise them.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core.settings.auth_rules import check_auth
from app.core.settings.draft import Draft, Loc, Place
from app.core.settings.generations import has_own_source
from app.core.settings.graphql_rules import check_graphql
from app.core.settings.outbound_rules import check_outbound, warn_of_refusals
from app.core.settings.server_rules import check_server
from app.core.settings.source_rules import check_source
from app.core.settings.source_tree import RegistryItemSettings
from app.core.settings.sync_rules import check_sync
from app.core.settings.syntax import is_label
from app.core.settings.tree import Document

RESERVED_NAMES = frozenset({"v0", "v0.1"})
"""No registry may have one of these names: they are parts of the API's paths."""

_ONLY_ON_SOURCES = {"format": "format", "sync_policy": "syncPolicy", "filter": "filter"}


def check_document(draft: Draft, document: Document) -> None:
    """Report every broken rule to the draft."""
    _check_presence(draft, document)
    _check_sources(draft, document)
    _check_registries(draft, document)
    if "registries" not in document.model_fields_set and not draft.is_spoilt(("registries",)):
        for index, source in enumerate(document.sources):
            place = Place(draft, ("sources", index), _label("source", index, source.name))
            _check_reserved(place, source.name, "it would also be the name of its registry")
    check_outbound(draft, document.outbound)
    check_sync(draft, document)
    check_graphql(draft, document)
    check_server(draft, document)
    check_auth(draft, document)


def _label(word: str, index: int, name: str) -> str:
    return f"{word}[{index}] ({name})" if name else f"{word}[{index}]"


def _check_presence(draft: Draft, document: Document) -> None:
    own = any(has_own_source(item, document) for item in document.registries)
    if not document.registries and ("registries" in document.model_fields_set or not document.sources):
        fix = "add registries: with at least one item, such as {name: default, managed: {}}"
        if not draft.are_spoilt([("sources",)]):
            draft.object(("registries",), "at least one registry must be configured", fix)
    elif not document.sources and not own:
        draft.object(("sources",), "at least one source must be configured", "add sources: with at least one item")


def _check_sources(draft: Draft, document: Document) -> None:
    names: list[str] = []
    managed: list[int] = []
    for index, source in enumerate(document.sources):
        place = Place(draft, ("sources", index), _label("source", index, source.name))
        _check_source_name(Place(draft, place.loc, f"source[{index}]"), source.name, names)
        check_source(place, source)
        warn_of_refusals(place, source, document.outbound)
        names.append(source.name)
        if source.managed is not None:
            managed.append(index)
    if len(managed) > 1:
        message = f"at most one managed source is allowed, found {len(managed)}"
        draft.object(("sources", managed[1], "managed"), message, "publish into one source; remove the others")


def _check_source_name(place: Place, name: str, earlier: Sequence[str]) -> None:
    if not name:
        place.object(("name",), "name is required", "add a unique name")
    elif not is_label(name):
        message = f"name '{name}' must be a valid DNS subdomain (lowercase alphanumeric and hyphens, max 63 chars)"
        place.object(("name",), message, "rename it; it begins and ends with a letter or a digit")
    elif name in earlier:
        place.object(("name",), f"duplicate source name '{name}'", "give each source its own name")


def _check_registries(draft: Draft, document: Document) -> None:
    sources = {source.name for source in document.sources}
    own = {item.name for item in document.registries if has_own_source(item, document)}
    earlier: list[str] = []
    for index, item in enumerate(document.registries):
        loc: Loc = ("registries", index)
        if has_own_source(item, document):
            place = Place(draft, loc, f"registry[{index}]")
            _check_registry_name(place, item.name, earlier)
            if item.name and item.name in sources and item.name not in earlier:
                fix = "rename one of them, or list the source in sources: of the registry"
                place.object(("name",), f"name '{item.name}' is already the name of a source", fix)
            place = Place(draft, loc, _label("registry", index, item.name))
            check_source(place, item)
            warn_of_refusals(place, item, document.outbound)
        else:
            _check_registry_name(Place(draft, loc, f"registries[{index}]"), item.name, earlier)
            place = Place(draft, loc, _label("registries", index, item.name))
            _check_references(place, item, sources | own)
        earlier.append(item.name)


def _check_registry_name(place: Place, name: str, earlier: Sequence[str]) -> None:
    if not name.strip():
        place.object(("name",), "name is required", "add a unique name")
    elif any(letter.isspace() for letter in name):
        place.object(("name",), f"name '{name}' must not contain blanks", "write hyphens instead")
    elif name in earlier:
        place.object(("name",), f"duplicate registry name '{name}'", "give each registry its own name")
    else:
        _check_reserved(place, name, "it is a version of the API")


def _check_reserved(place: Place, name: str, reason: str) -> None:
    if name in RESERVED_NAMES:
        message = f"name '{name}' cannot be used for a registry"
        place.object(("name",), message, f"choose another name: v0 and v0.1 are parts of the API's paths; {reason}")


def _check_references(place: Place, item: RegistryItemSettings, known: set[str]) -> None:
    draft = place.draft
    if item.kinds:
        message = f"sources cannot be combined with {item.kinds[0]}"
        place.object((item.kinds[0].value,), message, "make it an item of sources: and list it here by its name")
    for name, key in _ONLY_ON_SOURCES.items():
        if name in item.model_fields_set:
            place.object((key,), f"{key} belongs to a source", "move it to the item of sources: it is meant for")
    if not item.sources:
        place.object(("sources",), "at least one source is required", "list the names of its sources")
    is_list_whole = not any(loc[0] in ("sources", "registries") and _hides_name(loc) for loc in draft.spoilt)
    for index, name in enumerate(item.sources):
        if name not in known and is_list_whole:
            fix = f"configured: {', '.join(sorted(known))}" if known else "add it to sources:"
            place.object(("sources", index), f"references unknown source '{name}'", fix)
        elif name in item.sources[:index]:
            draft.warn(f"{place.label}: source '{name}' is listed more than once; its last position counts")


def _hides_name(loc: Loc) -> bool:
    """Tell whether a problem at this place may have cost a source its name, so that a reference cannot be judged."""
    return len(loc) <= 2 or loc[2] == "name"
