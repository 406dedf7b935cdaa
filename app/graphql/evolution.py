"""Keeps the schema usable for those who were built against it: what may not change unannounced between two releases.

`python -m app.graphql.evolution` compares the schema of the code with frontend-schema/released.graphql, that of the
last release. A change that would break a client must stand in frontend-schema/acknowledged-changes.txt, one a line, as
it is reported, and after ` # ` the reason. `--release` makes the schema of the code the released one, with nothing left
to acknowledge. It is for the workshop; no request comes here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
)

from app.graphql.schema import print_sdl

FOLDER = Path(__file__).parents[2] / "frontend-schema"
RELEASED = FOLDER / "released.graphql"
ACKNOWLEDGED = FOLDER / "acknowledged-changes.txt"

_SEPARATOR = " # "
_EMPTY = "# Breaking changes since the last release, one a line: the change as `make check` reports it # the reason\n"
_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


def find_objections(released: str, current: str, acknowledged: str) -> list[str]:
    """What speaks against a release of `current`, a sentence each. The arguments are two schemas in the schema
    definition language and the text of the acknowledgements.
    """
    reasons = _read_acknowledged(acknowledged)
    broken = [change.description for change in find_breaking_changes(build_schema(released), build_schema(current))]
    return [
        *(f"breaks clients of the last release: {change}" for change in broken if change not in reasons),
        *(f"acknowledged, but not the case: {change}" for change in reasons if change not in broken),
        *(f"acknowledged without a reason: {change}" for change in broken if reasons.get(change) == ""),
    ]


def find_undated_deprecations(schema: GraphQLSchema) -> list[str]:
    """What is deprecated, such as `Server.title`, without a date from which on it may be gone."""
    return [where for where, reason in _deprecations(schema) if not _DATE.search(reason)]


def _read_acknowledged(text: str) -> Mapping[str, str]:
    """Changes with their reasons. A line that begins with the separator's sign is a remark."""
    lines = [line.strip() for line in text.splitlines()]
    pairs = (line.partition(_SEPARATOR) for line in lines if line and not line.startswith("#"))
    return {change.strip(): reason.strip() for change, _, reason in pairs}


def _deprecations(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    for name, kind in schema.type_map.items():
        members: Mapping[str, object] = {}
        if isinstance(kind, GraphQLEnumType):
            members = kind.values
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            members = kind.fields
        for member, item in members.items():
            parts = {f"{name}.{member}": item}
            parts |= {f"{name}.{member}({argument})": given for argument, given in getattr(item, "args", {}).items()}
            yield from _reasons(parts)


def _reasons(parts: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for where, item in parts.items():
        reason = getattr(item, "deprecation_reason", None)
        if reason is not None:
            yield where, reason


def _explain(objections: Iterable[str]) -> str:
    return "".join(f"{objection}\n" for objection in objections) + (
        f"Clients of the last release may use what is gone: keep it with a deprecation, or add to {ACKNOWLEDGED.name}\n"
        f"a line CHANGE{_SEPARATOR}REASON with the change just as it stands above.\n"
        "A line that is no longer the case goes.\n"
    )


def main(arguments: Sequence[str]) -> int:
    current = print_sdl()
    if "--release" in arguments:
        RELEASED.write_text(current, encoding="utf-8")
        ACKNOWLEDGED.write_text(_EMPTY, encoding="utf-8")
        return 0
    if not RELEASED.exists():
        sys.stderr.write("frontend-schema/released.graphql is missing; write it with: make baseline\n")
        return 1
    acknowledged = ACKNOWLEDGED.read_text(encoding="utf-8") if ACKNOWLEDGED.exists() else ""
    objections = find_objections(RELEASED.read_text(encoding="utf-8"), current, acknowledged)
    if objections:
        sys.stderr.write(_explain(objections))
    return 1 if objections else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
