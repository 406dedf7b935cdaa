"""What a caller may ask of the catalogue, as plain values. No SQL, no transport.

`Condition`, `AllOf`, `AnyOf` and `Not` form the filter tree that GraphQL's `where` inputs are turned into.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from app.core.errors import Invalid

DEFAULT_PAGE = 30
MAX_PAGE = 1000
MAX_CONDITIONS = 100
MAX_LIST = 250
LATEST = "latest"


class ServerField(StrEnum):
    """What servers can be filtered by."""

    NAME = "name"
    NAMESPACE = "namespace"
    TITLE = "title"
    DESCRIPTION = "description"
    STATUS = "status"
    TIER = "tier"
    SOURCE = "source"
    TAGS = "tags"
    TOOLS = "tools"
    REGISTRY_TYPES = "registryTypes"
    TRANSPORTS = "transports"
    PUBLISHED_AT = "publishedAt"
    UPDATED_AT = "updatedAt"


class Operator(StrEnum):
    EQ = "eq"
    IN = "in"
    STARTS_WITH = "startsWith"
    CONTAINS = "contains"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    HAS = "has"
    HAS_ANY = "hasAny"
    HAS_ALL = "hasAll"


@dataclass(frozen=True, slots=True)
class Condition:
    field: ServerField
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Filter, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Filter


Filter = Condition | AllOf | AnyOf | Not


class OrderField(StrEnum):
    NAME = "name"
    PUBLISHED_AT = "publishedAt"
    UPDATED_AT = "updatedAt"


@dataclass(frozen=True, slots=True)
class Order:
    field: OrderField = OrderField.NAME
    descending: bool = False


Key = tuple[str | int, ...]
"""The place of a row in an order: what a cursor holds."""


@dataclass(frozen=True, slots=True)
class Window:
    """A page: `limit` rows after `after`, or the last `limit` rows before `before` when `backward`."""

    limit: int = DEFAULT_PAGE
    after: Key | None = None
    before: Key | None = None
    backward: bool = False


@dataclass(frozen=True, slots=True)
class Visibility:
    """The claim sets a viewer may see; None stands for all of them (anonymous mode has no restriction)."""

    claim_sets: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class ListServers:
    """Versions of servers in one registry (None: the aggregate), by (name, version) unless `order` says otherwise.

    `version`: None for every version, "latest" for one row a name, else exactly that version string.
    `updated_since` is exclusive and brings deleted versions in, so that a mirror learns of them.
    """

    registry: str | None = None
    search: str | None = None
    version: str | None = None
    updated_since: datetime | None = None
    include_deleted: bool = False
    where: Filter | None = None
    order: Order | None = None
    window: Window = field(default_factory=Window)


def count_conditions(node: Filter | None) -> int:
    """Number of conditions in the tree; raises Invalid for an over-long list of values."""
    match node:
        case None:
            return 0
        case Condition():
            if isinstance(node.value, tuple) and len(node.value) > MAX_LIST:
                raise Invalid(f"where.{node.field}.{node.operator} holds {len(node.value)} values; {MAX_LIST} at most")
            return 1
        case Not():
            return count_conditions(node.part)
        case AllOf() | AnyOf():
            return sum(count_conditions(part) for part in node.parts)
