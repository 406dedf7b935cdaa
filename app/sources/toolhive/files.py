"""Whole registry files: reads the ToolHive layout, and writes that one and the upstream one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import ValidationError

from app.core.errors import SourceError
from app.models.documents import format_path, violations_of
from app.models.snapshot import Rejection
from app.models.versions import sort_key
from app.sources.contents import show
from app.sources.documents import Candidate
from app.sources.toolhive.backward import find_image, server_to_image, server_to_remote
from app.sources.toolhive.forward import image_to_server, name_server, remote_to_server
from app.sources.toolhive.legacy import NAMESPACE

LEGACY_SCHEMA: Final = (
    "https://raw.githubusercontent.com/stacklok/toolhive/main/pkg/registry/data/toolhive-legacy-registry.schema.json"
)
UPSTREAM_SCHEMA: Final = (
    "https://raw.githubusercontent.com/stacklok/toolhive/main/pkg/registry/data/upstream-registry.schema.json"
)

_KEY: Final = re.compile(r"[a-z0-9][a-z0-9-]+[a-z0-9]")
_NOT_IN_KEY: Final = re.compile(r"[^a-z0-9]+")
_EPOCH: Final = datetime.fromtimestamp(0, UTC)

_Json = dict[str, Any]
_Convert = Callable[[str, Mapping[str, Any]], _Json]


@dataclass(frozen=True, slots=True)
class LegacyFile:
    """A ToolHive registry file, and the documents that have no place in it."""

    file: _Json
    skipped: tuple[Rejection, ...]


def read_entries(root: Mapping[str, Any]) -> list[Candidate]:
    """Every entry of a ToolHive file as a candidate, by the resulting name, image servers before remote ones.

    Raises SourceError where `servers` or `remote_servers` is no object.
    """
    named = [
        *_convert_section(root, "servers", image_to_server),
        *_convert_section(root, "remote_servers", remote_to_server),
    ]
    return [candidate for _, candidate in sorted(named, key=lambda pair: pair[0])]


def _convert_section(root: Mapping[str, Any], section: str, convert: _Convert) -> Iterable[tuple[str, Candidate]]:
    entries = root.get(section)
    if entries is None:
        return
    if not isinstance(entries, dict):
        raise SourceError(f"{section} must be an object with one entry for each server")
    for key, entry in entries.items():
        given = entry.get("name") if isinstance(entry, dict) else None
        name = name_server(key, given if isinstance(given, str) else "")
        path = format_path([section, show(key) or ""])
        try:
            candidate = Candidate(path, convert(key, entry), converted=True)
        except ValidationError as error:
            candidate = Candidate(path, {"name": name}, violations=violations_of(error))
        yield name, candidate


def to_upstream(documents: Sequence[_Json], last_updated: datetime) -> _Json:
    """The upstream registry file of server.json documents."""
    return {
        "$schema": UPSTREAM_SCHEMA,
        "version": "1.0.0",
        "meta": {"last_updated": _write_time(last_updated)},
        "data": {"servers": list(documents)},
    }


def to_toolhive(documents: Iterable[_Json], last_updated: datetime) -> LegacyFile:
    """The ToolHive file of server.json documents: an image server for each with an OCI package, else a remote server.

    The format has no versions, so that only the newest of each name is written. Entries are sorted by key.
    """
    newest, skipped = _pick_newest(documents)
    servers: dict[str, _Json] = {}
    remotes: dict[str, _Json] = {}
    # Keys that follow from a name go first: no made-up key may take their place.
    for document in sorted(newest, key=lambda d: (_implied_key(d["name"]) is None, d["name"])):
        image = find_image(document) is not None
        if not image and not document.get("remotes"):
            skipped.append(_skip(document, "it has neither an OCI package nor a remote"))
            continue
        entry = server_to_image(document) if image else server_to_remote(document)
        key = _implied_key(document["name"])
        if key is not None and document.get("title") != document["name"]:
            del entry["name"]  # the key says it, and the way back would make a title of it
        (servers if image else remotes)[key or _make_key(document["name"], {*servers, *remotes})] = entry
    file = {"$schema": LEGACY_SCHEMA, "version": "1.0.0", "last_updated": _write_time(last_updated)}
    sections = {"servers": dict(sorted(servers.items())), "remote_servers": dict(sorted(remotes.items()))}
    return LegacyFile({**file, **sections}, tuple(skipped))


def _pick_newest(documents: Iterable[_Json]) -> tuple[list[_Json], list[Rejection]]:
    newest: dict[str, _Json] = {}
    skipped: list[Rejection] = []
    for document in documents:
        known = newest.setdefault(document["name"], document)
        if known is document:
            continue
        older, newer = sorted((document, known), key=lambda d: sort_key(d["version"], _EPOCH))
        newest[document["name"]] = newer
        skipped.append(_skip(older, "the format has one version of each server, and this is not the newest"))
    return list(newest.values()), skipped


def _implied_key(name: str) -> str | None:
    """The key from which the name follows by itself."""
    namespace, _, key = name.partition("/")
    return key if namespace == NAMESPACE and _KEY.fullmatch(key) else None


def _make_key(name: str, taken: set[str]) -> str:
    """A free key made of the name: its last part, else the whole name, else that with a number."""
    whole = _NOT_IN_KEY.sub("-", name.lower()).strip("-")
    last = _NOT_IN_KEY.sub("-", name.partition("/")[2].lower()).strip("-")
    tries = [last, whole, *(f"{whole}-{number}" for number in range(2, len(taken) + 3))]
    return next(key for key in tries if key not in taken and _KEY.fullmatch(key))


def _skip(document: _Json, why: str) -> Rejection:
    return Rejection(document["name"], document["version"], f"{document['name']} {document['version']}: {why}")


def _write_time(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
