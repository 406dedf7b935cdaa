"""What a server.json must keep to before it may be published: the schema, and the publish rules of the MCP Registry.

Owns the order of what is found and the words about names and versions, which clients look at. Documents that are read
from a source need to obey the schema only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.models.documents.check import check_server
from app.models.documents.issues import Issue, error, schema_error, warning
from app.models.documents.package_rules import check_packages
from app.models.documents.parts import FIELDS
from app.models.documents.server_rules import (
    check_icons,
    check_keys,
    check_meta,
    check_repository,
    check_schema_id,
    check_title,
    check_use,
    check_website,
)
from app.models.documents.transport_rules import check_remotes
from app.models.documents.violations import REQUIRED, Violation
from app.models.names import check_server_name

_TOP: Final = re.compile(r"([^.\[]*)(?:\[([0-9]+)\])?")
_RANKS: Final = {key: rank for rank, key in enumerate(FIELDS)}
_WHITE_SPACE: Final = re.compile(r"\s", re.ASCII)

_Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PublishPolicy:
    """What a registry's operator decides about published documents."""

    max_meta_bytes: int = 262_144
    """What publishers may keep under their own key of `_meta`, as compact JSON."""

    package_base_urls: tuple[str, ...] = ()
    """Where packages may come from; empty for anywhere."""

    short_names: bool = False
    """Whether the halves of a name may have one letter, as the schema and the Go server have it."""


def check_publishable(document: Mapping[str, Any], policy: PublishPolicy) -> tuple[Issue, ...]:
    """Everything about `document` that keeps it from being published or should be known, in the order of the schema's
    fields. Errors alone keep it. Never raises, whatever the document holds.

    A value that the schema refuses is not judged further.
    """
    schema = tuple(_check_schema(document))
    refused = {issue.path for issue in schema}
    more = (issue for issue in _check_semantics(document, policy) if issue.path not in refused)
    unique = {(issue.path, issue.message): issue for issue in (*schema, *more)}
    return tuple(sorted(unique.values(), key=_place))


def _check_schema(document: _Json) -> Iterator[Issue]:
    violations = check_server(document)
    yield from _check_name(document.get("name"), [v for v in violations if v.path == "name"])
    yield from _check_version(document.get("version"), [v for v in violations if v.path == "version"])
    without_repository = document.get("repository") == {}
    for violation in violations:
        top = _TOP.match(violation.path)
        part = top[1] if top else ""
        if part in ("name", "version") or (part == "repository" and without_repository):
            continue
        if part == "$schema" and isinstance(document["$schema"], str):
            continue  # the rule about schemas says it better
        yield schema_error(violation)


def _check_name(name: Any, violations: list[Violation]) -> Iterator[Issue]:
    if _is_blank(name):
        yield _refuse_name("server name cannot be empty", REQUIRED)
    elif not isinstance(name, str) or "{{" in name:
        yield from map(schema_error, violations)
    elif reason := check_server_name(name.strip()):
        yield _refuse_name(reason, "name")
    elif name != name.strip():
        yield _refuse_name("must not contain white space", "name")


def _refuse_name(reason: str, rule: str) -> Issue:
    return schema_error(Violation("name", f"Invalid server name: {reason}", rule))


def _check_version(version: Any, violations: list[Violation]) -> Iterator[Issue]:
    if _is_blank(version):
        yield schema_error(Violation("version", "Server version is required", REQUIRED))
    else:
        yield from map(schema_error, violations)


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _check_semantics(document: _Json, policy: PublishPolicy) -> Iterator[Issue]:
    yield from check_schema_id(document)
    yield from _check_identity(document, policy)
    yield from check_title(document)
    yield from check_website(document)
    yield from check_repository(document)
    yield from check_icons(document)
    yield from check_packages(document, policy.package_base_urls)
    yield from check_remotes(document)
    yield from check_meta(document, policy.max_meta_bytes)
    yield from check_keys(document)
    yield from check_use(document)


def _check_identity(document: _Json, policy: PublishPolicy) -> Iterator[Issue]:
    """What stands in paths: halves of one letter are legal elsewhere, but refused by the official registry."""
    name, version = document.get("name"), document.get("version")
    if isinstance(name, str) and min(map(len, name.split("/"))) < 2:
        if policy.short_names:
            yield warning(("name",), "has a half of one letter; other registries refuse it", "name-too-short")
        else:
            reason = "both halves must have at least 2 characters"
            yield error(("name",), f"Invalid server name: {reason}", "name-too-short")
    if not isinstance(version, str):
        return
    if _WHITE_SPACE.search(version):
        yield error(("version",), "must not contain white space", "version-white-space")
    elif not version.isprintable():
        yield error(("version",), "must not contain invisible characters", "version-invisible")
    elif version in (".", ".."):
        yield error(("version",), "must not be a dot segment: as part of a path it would vanish", "version-dots")


def _place(issue: Issue) -> tuple[int, int]:
    """Where an issue stands: by field and position in its list. Unknown fields, then the document, come last."""
    if not issue.path:
        return len(_RANKS) + 1, -1
    top = _TOP.match(issue.path)
    key, index = (top[1], top[2]) if top else ("", None)
    return _RANKS.get(key, len(_RANKS)), int(index) if index else -1
