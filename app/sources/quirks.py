"""Irons out what real server.json documents get wrong without meaning anything by it.

Owns one function for each known quirk and the order they run in. It neither checks nor refuses anything: what it does
not know stays as it is for app.models.documents to judge. Everything here takes values of any type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from app.models.documents import CURRENT_SCHEMA
from app.sources.shapes import SERVER, tidy

FULL_DESCRIPTION: Final = "dev.toolhive/full-description"
"""The key of `_meta` that keeps a description too long for the schema."""

MAX_DESCRIPTION: Final = 100

_KNOWN_HOSTS: Final = {
    "github.com": "github",
    "www.github.com": "github",
    "gitlab.com": "gitlab",
    "www.gitlab.com": "gitlab",
}
_SNAKE_CASE_SCHEMA: Final = "/2025-07-09/"
_LAST_WORD: Final = re.compile(r"\s+\S*$")

_Json = dict[str, Any]


def normalise(document: Mapping[str, Any]) -> _Json:
    """A copy of `document` without its quirks; parts that no quirk concerns are shared with it.

    Key order and unknown keys are kept. Normalising twice gives the same as once. Never raises.
    """
    old = is_snake_case(document)
    copy = tidy(document, SERVER)
    if old:
        adopt_current_schema(copy)
        assume_stdio(copy)
    repair_repository(copy)
    drop_latest(copy)
    complete_arguments(copy)
    fill_description(copy)
    shorten_description(copy)
    return copy


def is_snake_case(document: Mapping[str, Any]) -> bool:
    """Whether the document follows schema 2025-07-09, the only one that wrote keys like `registry_type`."""
    schema = document.get("$schema")
    if isinstance(schema, str) and _SNAKE_CASE_SCHEMA in schema:
        return True
    return any("registry_type" in package for package in _objects(document.get("packages")))


def adopt_current_schema(document: _Json) -> None:
    """A converted document obeys the current schema, no longer the one it names."""
    if "$schema" in document:
        document["$schema"] = CURRENT_SCHEMA


def assume_stdio(document: _Json) -> None:
    """Packages of the first days named no transport and meant stdio."""
    for package in _objects(document.get("packages")):
        package.setdefault("transport", {"type": "stdio"})


def repair_repository(document: _Json) -> None:
    """A repository may be a bare URL, lack its source, or be empty; one without a URL says nothing."""
    repository = document.get("repository")
    if isinstance(repository, str):
        repository = {"url": repository.strip()}
        document["repository"] = repository
    if not isinstance(repository, dict):
        return
    url = repository.get("url", "")
    if not isinstance(url, str):
        return
    if not url.strip():
        del document["repository"]
        return
    host = None if repository.get("source") else _host(url)
    if host:
        repository["source"] = _KNOWN_HOSTS.get(host, host)


def drop_latest(document: _Json) -> None:
    """An absent package version means the latest; the word itself is not allowed."""
    for package in _objects(document.get("packages")):
        if package.get("version") == "latest":
            del package["version"]


def complete_arguments(document: _Json) -> None:
    """An argument without a type is a named one if it has a name, else positional."""
    for package in _objects(document.get("packages")):
        for key in ("runtimeArguments", "packageArguments"):
            for argument in _objects(package.get(key)):
                if not argument.get("type", ""):
                    argument["type"] = "named" if argument.get("name") else "positional"


def fill_description(document: _Json) -> None:
    """A blank description becomes the title, or the name: clients refuse a page with an undescribed server."""
    if not _is_blank(document.get("description")):
        return
    for key in ("title", "name"):
        text = document.get(key)
        if isinstance(text, str) and text.strip():
            document["description"] = shorten(text)
            return


def shorten_description(document: _Json) -> None:
    """A description beyond the schema's limit is cut, and kept in full under `_meta`."""
    description = document.get("description")
    if not isinstance(description, str) or len(description) <= MAX_DESCRIPTION:
        return
    meta = document.get("_meta", {})
    if isinstance(meta, dict):
        document["description"] = shorten(description)
        document["_meta"] = {**meta, FULL_DESCRIPTION: description}


def shorten(text: str) -> str:
    """`text` in at most 100 characters, cut at a word boundary and ended by an ellipsis where it was longer."""
    if len(text) <= MAX_DESCRIPTION:
        return text
    head = text[:MAX_DESCRIPTION]  # one more than fits: white space there means that a word ends just in time
    words = _LAST_WORD.sub("", head).rstrip(" ,;:.-")
    kept = words if 0 < len(words) < MAX_DESCRIPTION else head[: MAX_DESCRIPTION - 1]
    return f"{kept}…"


def _is_blank(value: Any) -> bool:
    return isinstance(value, str) and not value.strip()


def _host(url: str) -> str | None:
    try:
        return urlsplit(url.strip()).hostname
    except ValueError:  # an address in brackets that is none
        return None


def _objects(value: Any) -> Iterator[_Json]:
    """The objects in what should be a list of objects."""
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
