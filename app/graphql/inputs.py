"""Filters and orders as GraphQL inputs, and their translation into app.models.queries."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from enum import Enum
from typing import Any

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


@strawberry.input(description="Which servers to list; all that is given must hold, for the server's latest version.")
class ServerWhere:
    name: TextFilter | None = _optional("The full name, e.g. `io.github.acme/db`.")
    namespace: TextFilter | None = _optional("The part of the name before the slash.")
    title: TextFilter | None = _optional("The title.")
    description: TextFilter | None = _optional("The description.")
    status: StatusFilter | None = _optional("The status.")
    tier: NameFilter | None = _optional("The tier, e.g. `Official`.")
    source: NameFilter | None = _optional("The name of the source the server comes from.")
    tags: ListFilter | None = _optional("The tags.")
    tools: ListFilter | None = _optional("The names of the tools.")
    registry_types: ListFilter | None = _optional("The kinds of packages, e.g. `oci`.")
    transports: ListFilter | None = _optional("The transports of packages and remotes, e.g. `stdio`.")
    published_at: TimeFilter | None = _optional("When the latest version was published.")
    updated_at: TimeFilter | None = _optional("When the latest version last changed.")
    all_of: list[ServerWhere] | None = _optional("All of these hold.", "AND")
    any_of: list[ServerWhere] | None = _optional("At least one of these holds.", "OR")
    none_of: ServerWhere | None = _optional("This does not hold.", "NOT")

    def to_filter(self, depth: int = 0) -> Filter:
        """Raises Invalid for a filter that is nested too deep; how large it may be is the resolvers' rule."""
        if depth > MAX_DEPTH:
            raise Invalid(f"where is nested more than {MAX_DEPTH} deep")
        parts: list[Filter] = []
        for field in ServerField:
            given = getattr(self, _snake(field), None)
            if given is not None:
                parts += _conditions(field, given)
        if self.all_of is not None:
            parts += [where.to_filter(depth + 1) for where in self.all_of]
        if self.any_of is not None:
            parts.append(AnyOf(tuple(where.to_filter(depth + 1) for where in self.any_of)))
        if self.none_of is not None:
            parts.append(Not(self.none_of.to_filter(depth + 1)))
        return AllOf(tuple(parts))


def _conditions(field: ServerField, given: Any) -> list[Filter]:
    operators = {_snake(operator): operator for operator in Operator}
    values = {f.name.rstrip("_"): getattr(given, f.name) for f in fields(given)}
    return [Condition(field, operators[n], _plain(value)) for n, value in values.items() if value is not None]


def _plain(value: Any) -> Any:
    """An input's value as the store compares it: statuses as numbers, lists as tuples."""
    if isinstance(value, list):
        return tuple(_plain(item) for item in value)
    if isinstance(value, datetime):
        return clamp_time(value)
    return int(Status[value.name]) if isinstance(value, ServerStatus) else value


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)
