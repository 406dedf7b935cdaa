"""What publishing demands of a server.json as a whole: its schema, repository, web addresses, icons and metadata.

Sources: the MCP Registry's publish rules; other hosts than theirs are admitted, with a warning. Packages and transports
have modules of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

import orjson

from app.models.documents.issues import Issue, error, hint, warning
from app.models.documents.parts import FIELDS, PUBLISHER_PROVIDED
from app.models.documents.urls import is_https, split_url
from app.models.documents.values import Place, find_object, find_repeats, find_text, list_objects, take_texts

CURRENT_SCHEMA: Final = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"

MAX_UNKNOWN: Final = 20
"""Unknown keys of one object that are named."""

_SCHEMA: Final = re.compile(r"https?://static\.modelcontextprotocol\.io/schemas/([0-9-]+)/server\.schema\.json#?")
_OUTDATED: Final = frozenset({"2025-07-09", "2025-09-16", "2025-09-29", "2025-10-11", "2025-10-17"})
_CURRENT: Final = "2025-12-11"

_REPOSITORIES: Final = {
    "github": re.compile(r"https?://(www\.)?github\.com/[\w.-]+/[\w.-]+/?", re.ASCII),
    "gitlab": re.compile(r"https?://(www\.)?gitlab\.com/[\w.-]+/[\w.-]+/?", re.ASCII),
}
_PUBLIC_HOSTS: Final = frozenset({"github.com", "www.github.com", "gitlab.com", "www.gitlab.com"})
_SUBFOLDER: Final = re.compile(r"[A-Za-z0-9\-_./]+")
_UNFIT_FOR_LINKS: Final = re.compile(r"[\s\"'<>]")

_Json = Mapping[str, Any]


def check_schema_id(document: _Json) -> Iterator[Issue]:
    schema = document.get("$schema", "")
    if not isinstance(schema, str):
        return
    place, known = ("$schema",), _SCHEMA.fullmatch(schema)
    if not schema:
        yield warning(place, f"is missing; the current one is {CURRENT_SCHEMA}", "schema-missing")
    elif not known or known[1] not in {_CURRENT, *_OUTDATED}:
        yield error(place, f"is no known schema of server.json; the current one is {CURRENT_SCHEMA}", "schema-unknown")
    elif known[1] != _CURRENT:
        yield warning(place, f"is outdated; the current one is {CURRENT_SCHEMA}", "schema-outdated")


def check_title(document: _Json) -> Iterator[Issue]:
    title = find_text(document, "title")
    if title and not title.strip():
        yield error(("title",), "must not consist of white space only; write a title, or leave it out", "title-blank")


def check_website(document: _Json) -> Iterator[Issue]:
    url = document.get("websiteUrl")
    if isinstance(url, str) and (_UNFIT_FOR_LINKS.search(url) or not is_https(url)):
        message = "must be an absolute https URL without quotation marks, angle brackets and white space"
        yield error(("websiteUrl",), message, "website-url")


def check_repository(document: _Json) -> Iterator[Issue]:
    repository = find_object(document, "repository")
    if isinstance(repository.get("url"), str):
        yield from _check_origin(repository["url"], repository.get("source"))
    subfolder = find_text(repository, "subfolder")
    if subfolder and not _is_clean_path(subfolder):
        message = "must be a path relative to the repository's root, such as src/server, without . and .. in it"
        yield error(("repository", "subfolder"), message, "repository-subfolder")


def _check_origin(url: str, source: Any) -> Iterator[Issue]:
    """On the public hosts the URL has to name a repository; a company's own host is unusual, but welcome."""
    place, parts = ("repository", "url"), split_url(url)
    if parts is None:
        yield error(place, "must be an absolute http or https URL", "repository-url")
    elif isinstance(source, str):
        pattern = _REPOSITORIES.get(source)
        if pattern is None:
            message = "is neither github nor gitlab; some clients know no other"
            yield warning(("repository", "source"), message, "repository-source")
        elif parts.hostname not in _PUBLIC_HOSTS:
            message = f"is {source}, but the URL leads to a host other than {source}.com; some clients know no other"
            yield warning(("repository", "source"), message, "repository-source")
        elif not pattern.fullmatch(url):
            message = f"must have the form https://{source}.com/owner/repository, since the source is {source}"
            yield error(place, message, "repository-url")


def _is_clean_path(path: str) -> bool:
    return bool(_SUBFOLDER.fullmatch(path)) and not {"", ".", ".."} & set(path.split("/"))


def check_icons(document: _Json) -> Iterator[Issue]:
    for index, icon in list_objects(document, "icons"):
        if isinstance(icon.get("src"), str) and not is_https(icon["src"]):
            yield error(("icons", index, "src"), "must be an absolute https URL", "icon-src")
    keys = ((index, _icon_key(icon)) for index, icon in list_objects(document, "icons"))
    for index, first in find_repeats(keys):
        message = f"is the same as icons[{first}]: src, mimeType and theme are equal; leave one out"
        yield error(("icons", index), message, "duplicate-icon")


def _icon_key(icon: _Json) -> tuple[str, ...] | None:
    return take_texts(icon, "src", "mimeType", "theme") if "src" in icon else None


def check_meta(document: _Json, max_bytes: int) -> Iterator[Issue]:
    meta = find_object(document, "_meta")
    if PUBLISHER_PROVIDED in meta:
        yield from _check_size(meta[PUBLISHER_PROVIDED], ("_meta", PUBLISHER_PROVIDED), max_bytes)
    others = {key: value for key, value in meta.items() if key != PUBLISHER_PROVIDED}
    if others:
        yield from _check_size(others, ("_meta",), max_bytes)
    for key in islice((key for key in meta if key != PUBLISHER_PROVIDED), MAX_UNKNOWN):
        message = f"is kept, but other registries drop it; publishers' data belong under {PUBLISHER_PROVIDED}"
        yield warning(("_meta", key), message, "meta-unknown-key")


def _check_size(provided: Any, place: Place, max_bytes: int) -> Iterator[Issue]:
    try:
        size = len(orjson.dumps(provided))
    except TypeError:  # lone surrogates, integers beyond 64 bits, nesting beyond the writer's limit
        message = "cannot be stored: it is nested too deep, or holds half a surrogate pair or an integer beyond 64 bits"
        yield error(place, message, "meta-unstorable")
        return
    if size > max_bytes:
        message = f"is too large: {size} bytes as compact JSON, {max_bytes} are allowed"
        yield error(place, message, "meta-too-large")


def check_keys(document: _Json) -> Iterator[Issue]:
    if "status" in document:
        message = "does not count in the document; set the status with PATCH …/status"
        yield warning(("status",), message, "status-in-document")
    known = {*FIELDS, "status"}
    for key in islice((key for key in document if key not in known), MAX_UNKNOWN):
        yield warning((key,), "is unknown to the schema; it is kept, but clients pass over it", "unknown-property")


def check_use(document: _Json) -> Iterator[Issue]:
    if not document.get("packages") and not document.get("remotes"):
        yield hint("has neither packages nor remotes: clients have nothing to start", "nothing-to-run")
