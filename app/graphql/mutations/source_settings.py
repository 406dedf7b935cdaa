"""A source as the inputs of mutations describe it, in the words of the configuration file. Owns no rule: what the
settings may be is decided where they are read, as for every other way to describe a source.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from enum import Enum
from typing import Any

import strawberry
from strawberry.utils.str_converters import to_camel_case

from app.graphql.payloads import UserError

_POLICY = {"syncInterval": "interval", "maxRemovalPercent": "maxRemovalPercent"}
"""What stands in the input itself and in the file under `syncPolicy`."""

_WORDS = {f"syncPolicy.{value}": key for key, value in _POLICY.items()} | {"managed, or kubernetes": "or managed"}


@strawberry.enum(description="How the data of a source are written.")
class SourceFormat(Enum):
    UPSTREAM = strawberry.enum_value("UPSTREAM", description="As the official MCP registry writes them.")
    TOOLHIVE = strawberry.enum_value("TOOLHIVE", description="As ToolHive's own registry files are written.")


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


@strawberry.input(
    description="A file in a git repository that is read by https or http without credentials. At most one of `branch`,"
    " `tag` and `commit`; without any, the repository's default branch is read."
)
class GitSourceInput:
    repository: str = strawberry.field(description="The repository's https or http URL, without user and password.")
    branch: str | None = _optional("The branch to read.")
    tag: str | None = _optional("The tag to read.")
    commit: str | None = _optional("The hash of the commit to read, in full or shortened to at least 4 hex digits.")
    path: str | None = _optional("The path of the file inside the repository; `registry.json` if absent.")


@strawberry.input(description="Another server that speaks the MCP Registry API.")
class ApiSourceInput:
    endpoint: str = strawberry.field(description="Its base URL, without user and password.")
    timeout: str | None = _optional("The time allowed for each request, e.g. `10s`, at most `5m`; `10s` if absent.")
    full_sync_interval: str | None = _optional(
        "The time after which everything is read again instead of what changed since the last run; `24h` if absent."
    )


@strawberry.input(description="A registry file. Exactly one of `url`, `data` and `path`.")
class FileSourceInput:
    url: str | None = _optional("The file's http or https URL, without user and password.")
    data: str | None = _optional(
        "The file's content, JSON. It is applied at once, all or nothing, and never fetched again."
    )
    path: str | None = _optional("The file's path on the server's disk.")
    timeout: str | None = _optional("The time allowed to download from `url`, e.g. `30s`, which it is if absent.")


@strawberry.input(description="What passes a filter.")
class SourceFilterListInput:
    include: list[str] | None = _optional("What passes; everything if absent or empty.")
    exclude: list[str] | None = _optional("What is left out, even if it is included.")


@strawberry.input(description="Which servers of a source are taken.")
class SourceFilterInput:
    names: SourceFilterListInput | None = _optional(
        "By full name, with the globs `*`, `?`, `[a-z]`, `[!a-z]` and `{a,b}`; `*` matches a slash, too."
    )
    tags: SourceFilterListInput | None = _optional("By tag, compared exactly.")


def to_body(given: Any) -> dict[str, Any]:
    """What an input says of a source, by the keys of the configuration file. What it leaves out is left out."""
    body: dict[str, Any] = {}
    for key, value in _to_json(given).items():
        if key in _POLICY:
            body.setdefault("syncPolicy", {})[_POLICY[key]] = value
        elif key == "managed":
            body |= {key: {}} if value else {}
        elif key != "name":
            body[key] = value
    return body


def to_input(errors: Sequence[UserError]) -> list[UserError]:
    """The errors with the paths and words of the input instead of those of the configuration file."""
    for error in errors:
        if error.field and error.field[0] == "syncPolicy":
            error.field = [key for key, value in _POLICY.items() if value in error.field]
        for theirs, ours in _WORDS.items():
            error.message = error.message.replace(theirs, ours)
    return list(errors)


def _to_json(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, list):
        return [_to_json(item) for item in value]
    if not hasattr(value, "__strawberry_definition__"):
        return value
    told: Mapping[str, Any] = {to_camel_case(field.name): getattr(value, field.name) for field in fields(value)}
    return {key: _to_json(item) for key, item in told.items() if item is not strawberry.UNSET}
