"""What a caller may ask of the catalogue, as plain values. No SQL, no transport.

`Condition`, `AllOf`, `AnyOf` and `Not` form the filter tree that GraphQL's `where` inputs are turned into.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from app.core.errors import Invalid
from app.models.searches import Search

DEFAULT_PAGE = 30
MAX_PAGE = 1000
MAX_CONDITIONS = 100
MAX_NODES = 5 * MAX_CONDITIONS
"""Conditions and the ANDs, ORs and NOTs around them."""

MAX_LIST = 250
LATEST = "latest"


class ServerField(StrEnum):
    """What servers can be filtered by."""

    NAME = "name"
    VERSION = "version"
    IS_LATEST = "isLatest"
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


EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST_TIME = datetime.max.replace(tzinfo=UTC)

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
    `updated_since` is exclusive and brings deleted versions in, so that a mirror learns of them; `include_deleted` is
    None where the caller did not say. `search` is a plain substring; `ranked` is looked for word by word, and orders
    the rows by how well they fit unless `order` says otherwise.
    """

    registry: str | None = None
    search: str | None = None
    ranked: Search | None = None
    version: str | None = None
    updated_since: datetime | None = None
    include_deleted: bool | None = None
    where: Filter | None = None
    order: Order | None = None
    window: Window = field(default_factory=Window)

    @property
    def shows_deleted(self) -> bool:
        return bool(self.include_deleted) or self.updated_since is not None

    @property
    def follows(self) -> bool:
        """Whether the caller follows a registry, and so must learn of what it no longer shows."""
        searches = self.search or self.ranked
        return self.updated_since is not None and not searches and self.where is None and self.order is None


def check_query(query: ListServers) -> None:
    """Raises Invalid, naming the argument, for a text that cannot be stored or a filter that is too large."""
    check_text("search", query.search or "" if query.ranked is None else query.ranked.text)
    check_text("version", query.version or "")
    if query.updated_since is not None and query.include_deleted is False:
        raise Invalid("Invalid include_deleted parameter: updated_since always includes deleted versions")
    conditions = 0
    stack = [] if query.where is None else [query.where]
    for _ in range(MAX_NODES):
        if not stack:
            break
        match stack.pop():
            case Condition() as condition:
                conditions += 1
                _check_condition(condition)
            case Not(part):
                stack.append(part)
            case AllOf(parts) | AnyOf(parts):
                stack.extend(parts)
    if stack or conditions > MAX_CONDITIONS:
        raise Invalid(f"where holds more than {MAX_CONDITIONS} conditions")


def _check_condition(condition: Condition) -> None:
    name = f"where.{condition.field}.{condition.operator}"
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    if len(values) > MAX_LIST:
        raise Invalid(f"{name} holds {len(values)} values; {MAX_LIST} at most")
    for value in values:
        if isinstance(value, str):
            check_text(name, value)


def check_text(name: str, value: str) -> None:
    """Raises Invalid for what is no text to the database: a NUL character, half a surrogate pair."""
    if "\0" in value:
        raise Invalid(f"{name} holds a NUL character, which no name or text has")
    if not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise Invalid(f"{name} holds half a surrogate pair, which is no character")


def clamp_time(at: datetime) -> datetime:
    """The same moment in UTC; a time without zone is UTC, and hours before year 1 or after 9999 are its ends."""
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    try:
        return at.astimezone(UTC)
    except OverflowError:
        return EARLIEST if at.year == 1 else LATEST_TIME
