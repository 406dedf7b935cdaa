"""Filters and orders as GraphQL inputs, and their translation into app.models.queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any, Final, NamedTuple

import strawberry

from app.core.errors import Invalid
from app.models.kinds import Status
from app.models.queries import (
    AllOf,
    AnyOf,
    Condition,
    Filter,
    Not,
    Operator,
    Order,
    OrderField,
    ServerField,
    clamp_time,
)

MAX_DEPTH = 10
"""AND, OR and NOT inside each other."""


@strawberry.enum(description="How a version stands.")
class ServerStatus(Enum):
    ACTIVE = strawberry.enum_value("ACTIVE", description="In use.")
    DEPRECATED = strawberry.enum_value("DEPRECATED", description="Still served, but no longer recommended.")
    DELETED = strawberry.enum_value("DELETED", description="Withdrawn; shown only where it is asked for.")


@strawberry.enum(description="Which way a list runs.")
class OrderDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Smallest or earliest first.")
    DESC = strawberry.enum_value("DESC", description="Greatest or latest first.")


@strawberry.enum(description="What servers can be ordered by.")
class ServerOrderField(Enum):
    NAME = strawberry.enum_value("NAME", description="The name, byte by byte.")
    PUBLISHED_AT = strawberry.enum_value("PUBLISHED_AT", description="When the latest version was published.")
    UPDATED_AT = strawberry.enum_value("UPDATED_AT", description="When the latest version last changed.")


@strawberry.input(description="An order of servers; the name decides between equals.")
class ServerOrder:
    field: ServerOrderField = strawberry.field(default=ServerOrderField.NAME, description="What to order by.")
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")

    def to_order(self) -> Order:
        return Order(OrderField[self.field.name], self.direction is OrderDirection.DESC)


@strawberry.enum(description="What versions can be ordered by.")
class ServerVersionOrderField(Enum):
    NAME = strawberry.enum_value("NAME", description="The server's name, then the version string, byte by byte.")
    PUBLISHED_AT = strawberry.enum_value("PUBLISHED_AT", description="When the version was published.")
    UPDATED_AT = strawberry.enum_value("UPDATED_AT", description="When the version last changed.")


@strawberry.input(description="An order of versions; name and version decide between equals.")
class ServerVersionOrder:
    field: ServerVersionOrderField = strawberry.field(
        default=ServerVersionOrderField.NAME, description="What to order by."
    )
    direction: OrderDirection = strawberry.field(default=OrderDirection.ASC, description="Which way.")

    def to_order(self) -> Order:
        return Order(OrderField[self.field.name], self.direction is OrderDirection.DESC)


def _optional(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=None, description=description, name=name)


@strawberry.input(description="Conditions on a text; all that are given must hold.")
class TextFilter:
    eq: str | None = _optional("Equal to this, case included.")
    in_: list[str] | None = _optional("Equal to one of these.", "in")
    starts_with: str | None = _optional("Begins with this, case included.")
    contains: str | None = _optional("Holds this anywhere, whatever the case.")


@strawberry.input(description="Conditions on a name; all that are given must hold.")
class NameFilter:
    eq: str | None = _optional("Equal to this.")
    in_: list[str] | None = _optional("Equal to one of these.", "in")


@strawberry.input(description="Conditions on a status; all that are given must hold.")
class StatusFilter:
    eq: ServerStatus | None = _optional("Equal to this.")
    in_: list[ServerStatus] | None = _optional("Equal to one of these.", "in")


@strawberry.input(description="Conditions on a list of texts; all that are given must hold.")
class ListFilter:
    has: str | None = _optional("The list has this.")
    has_any: list[str] | None = _optional("The list has at least one of these.")
    has_all: list[str] | None = _optional("The list has all of these.")


@strawberry.input(description="Conditions on a time; all that are given must hold.")
class TimeFilter:
    gt: datetime | None = _optional("Later than this.")
    gte: datetime | None = _optional("At this time or later.")
    lt: datetime | None = _optional("Earlier than this.")
    lte: datetime | None = _optional("At this time or earlier.")


@strawberry.input
class _Conditions:
    """What servers and their versions have in common to be filtered by."""

    name: TextFilter | None = _optional("The full name, e.g. `io.github.acme/db`.")
    namespace: TextFilter | None = _optional("The part of the name before the slash.")
    title: TextFilter | None = _optional("The title.")
    description: TextFilter | None = _optional("The description.")
    status: StatusFilter | None = _optional("The status.")
    tier: NameFilter | None = _optional("The tier, e.g. `Official`.")
    source: NameFilter | None = _optional("The name of the source it comes from.")
    tags: ListFilter | None = _optional("The tags.")
    tools: ListFilter | None = _optional("The names of the tools.")
    registry_types: ListFilter | None = _optional("The kinds of packages, e.g. `oci`.")
    transports: ListFilter | None = _optional("The transports of packages and remotes, e.g. `stdio`.")
    published_at: TimeFilter | None = _optional("When the version was published.")
    updated_at: TimeFilter | None = _optional("When the version last changed.")

    def to_filter(self, depth: int = 0) -> Filter:
        """Raises Invalid for a filter that is nested too deep; how large it may be is the resolvers' rule."""
        parts: list[Filter] = [
            Condition(ServerField(_camel(name)), operator, value) for name, operator, value in given_conditions(self)
        ]
        inner = nested(self, depth)
        parts += [where.to_filter(depth + 1) for where in inner.all_of]
        if inner.any_of is not None:
            parts.append(AnyOf(tuple(where.to_filter(depth + 1) for where in inner.any_of)))
        if inner.none_of is not None:
            parts.append(Not(inner.none_of.to_filter(depth + 1)))
        return AllOf(tuple(parts))


@strawberry.input(description="Which servers to list; all that is given must hold, for the server's latest version.")
class ServerWhere(_Conditions):
    all_of: list[ServerWhere] | None = _optional("All of these hold.", "AND")
    any_of: list[ServerWhere] | None = _optional("At least one of these holds.", "OR")
    none_of: ServerWhere | None = _optional("This does not hold.", "NOT")


@strawberry.input(description="Which versions to list; all that is given must hold.")
class ServerVersionWhere(_Conditions):
    version: TextFilter | None = _optional("The version string.")
    is_latest: bool | None = _optional("Whether it is the newest version of its server that is not deleted.")
    all_of: list[ServerVersionWhere] | None = _optional("All of these hold.", "AND")
    any_of: list[ServerVersionWhere] | None = _optional("At least one of these holds.", "OR")
    none_of: ServerVersionWhere | None = _optional("This does not hold.", "NOT")


class Nested(NamedTuple):
    """The conditions inside a condition."""

    all_of: Sequence[Any]
    any_of: Sequence[Any] | None
    none_of: Any


def nested(where: Any, depth: int) -> Nested:
    """What stands under AND, OR and NOT of any `where` input. Raises Invalid where that is too deep."""
    if depth > MAX_DEPTH:
        raise Invalid(f"where is nested more than {MAX_DEPTH} deep")
    return Nested(where.all_of or (), where.any_of, where.none_of)


def given_conditions(where: Any) -> Iterator[tuple[str, Operator, Any]]:
    """Attribute, operator and value of each comparison that a `where` input holds itself."""
    for f in fields(where):
        given = getattr(where, f.name)
        if given is None or f.name in _LOGIC:
            continue
        if isinstance(given, bool):
            yield f.name, Operator.EQ, given
            continue
        for operator in fields(given):
            value = getattr(given, operator.name)
            if value is not None:
                yield f.name, Operator(_camel(operator.name.rstrip("_"))), _plain(value)


_LOGIC: Final = ("all_of", "any_of", "none_of")


def _plain(value: Any) -> Any:
    """An input's value as it is compared: statuses as numbers, other words as themselves, lists as tuples."""
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, datetime):
        return clamp_time(value)
    if isinstance(value, ServerStatus):
        return int(Status[value.name])
    return value.name if isinstance(value, Enum) else value


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
