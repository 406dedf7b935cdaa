"""Reads of servers and their versions. Every function is one statement, whatever the size of the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Row,
    Select,
    SmallInteger,
    Text,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Invalid
from app.models.kinds import Kind, Status
from app.models.queries import LATEST, Key, ListServers, Order, OrderField, Visibility, Window
from app.models.searches import Search
from app.models.tables import Withdrawal, table_of
from app.models.views import Page, VersionView, cut_page
from app.store.predicates import condition, listing, reads_version, version, visible
from app.store.ranking import contains_text, entry_search, found_by, score
from app.store.unions import execute_each

withdrawal = table_of(Withdrawal)

WITHDRAWN = "no longer in this registry"
"""The status message of a version that a registry stopped showing."""

_NOT_DELETED = version.c.status != Status.DELETED
_PLAIN = ("version", "status", "status_message", "status_changed_at", "published_at", "updated_at", "title")
_RICH = ("description", "tier", "tags", "tools", "registry_types", "transports", "document")


def _fields(of: FromClause) -> list[ColumnElement[Any]]:
    """The columns of a view; `of` is entry_version or a subquery that has its columns."""
    return [
        listing.c.entry_id,
        listing.c.source_id,
        listing.c.registry_id,
        listing.c.name,
        of.c.id.label("version_id"),
        (of.c.id == listing.c.latest_version_id).label("is_latest"),
        *(of.c[name] for name in (*_PLAIN, *_RICH)),
    ]


@dataclass(frozen=True, slots=True)
class Scope:
    """The registry that is read and what its reader may see."""

    registry_id: int
    visibility: Visibility
    kind: Kind = Kind.SERVER

    def condition(self) -> ColumnElement[bool]:
        return and_(
            listing.c.registry_id == self.registry_id,
            listing.c.kind == int(self.kind),
            visible(listing, self.visibility),
        )


async def list_versions(session: AsyncSession, scope: Scope, query: ListServers) -> Page[VersionView]:
    (page,) = await list_versions_of(session, [scope], query)
    return page


async def list_versions_of(
    session: AsyncSession, scopes: Sequence[Scope], query: ListServers
) -> list[Page[VersionView]]:
    """The same page of each of several registries: one statement for all of them."""
    statements = [_page_statement(scope, query) for scope in scopes]
    return [_page(rows, query.window) for rows in await execute_each(session, statements)]


def _page_statement(scope: Scope, query: ListServers) -> Select[Any]:
    if query.ranked is not None and query.order is None and query.version == LATEST:
        return _ranked(scope, query, query.ranked)
    keys = _order_keys(query)
    columns = [*_fields(version), *_labelled(keys)]
    if query.ranked is not None:
        columns.append(score(query.ranked).label("score"))
    statement = _windowed(matching(scope, query).add_columns(*columns), keys, query.window)
    return _with_withdrawn(statement, scope, query) if query.follows else statement


async def count_versions(session: AsyncSession, scope: Scope, query: ListServers) -> int:
    (count,) = await count_versions_of(session, [scope], query)
    return count


async def count_versions_of(session: AsyncSession, scopes: Sequence[Scope], query: ListServers) -> list[int]:
    """The number of rows of each of several registries: one statement for all of them."""
    found = [matching(scope, query, narrow=True).add_columns(literal(1)).subquery() for scope in scopes]
    statements = [select(func.count().label("rows")).select_from(rows) for rows in found]
    return [rows[0].rows for rows in await execute_each(session, statements)]


async def get_versions(
    session: AsyncSession, scope: Scope, names: Sequence[str], wanted: str, include_deleted: bool
) -> tuple[VersionView, ...]:
    """The version `wanted` ("latest", or an exact string) of each of the named servers that has it."""
    chosen = version.c.id == listing.c.latest_version_id if wanted == LATEST else version.c.version == wanted
    statement = (
        select(*_fields(version))
        .select_from(listing.join(version, version.c.entry_id == listing.c.entry_id))
        .where(scope.condition(), listing.c.name.in_(names), chosen, true() if include_deleted else _NOT_DELETED)
    )
    return tuple(_view(row) for row in await session.execute(statement))


async def get_exact_versions(
    session: AsyncSession, scope: Scope, wanted: Sequence[tuple[str, str]]
) -> tuple[VersionView, ...]:
    """Those of the versions (name, version string) that are seen, deleted ones too; one statement for all of them."""
    statement = (
        select(*_fields(version))
        .select_from(listing.join(version, version.c.entry_id == listing.c.entry_id))
        .where(scope.condition(), listing.c.name.in_({name for name, _ in wanted}))
        .where(tuple_(listing.c.name, version.c.version).in_(wanted))
    )
    return tuple(_view(row) for row in await session.execute(statement))


async def get_entry_versions(
    session: AsyncSession, scope: Scope, name: str, include_deleted: bool
) -> tuple[VersionView, ...]:
    """Every version of one server, the last published first; of those published together, the newest version first."""
    statement = (
        select(*_fields(version))
        .select_from(listing.join(version, version.c.entry_id == listing.c.entry_id))
        .where(scope.condition(), listing.c.name == name, true() if include_deleted else _NOT_DELETED)
        .order_by(version.c.published_at.desc(), version.c.version_sort.desc(), version.c.id)
    )
    return tuple(_view(row) for row in await session.execute(statement))


async def get_source_versions(
    session: AsyncSession, registry_id: int, source_id: int, name: str, versions: Sequence[str]
) -> tuple[VersionView, ...]:
    """Some versions of a source's server, deleted and shadowed ones too, by version."""
    statement = (
        select(*_fields(version))
        .select_from(listing.join(version, version.c.entry_id == listing.c.entry_id))
        .where(listing.c.registry_id == registry_id, listing.c.source_id == source_id)
        .where(listing.c.kind == int(Kind.SERVER), listing.c.name == name, version.c.version.in_(versions))
        .order_by(version.c.version)
    )
    return tuple(_view(row) for row in await session.execute(statement))


async def page_entry_versions(
    session: AsyncSession, entries: Sequence[tuple[int, int]], window: Window, include_deleted: bool
) -> dict[tuple[int, int], Page[VersionView]]:
    """For each entry, given by the ids of registry and entry, a page of its versions, newest version first."""
    keys: _Keys = [(version.c.version_sort, True), (version.c.id, True)]
    inner = select(version, *_labelled(keys)).where(
        version.c.entry_id == listing.c.entry_id, true() if include_deleted else _NOT_DELETED
    )
    held = _windowed(inner, keys, window).lateral("held")
    statement = (
        select(*_fields(held), *(held.c[f"key_{number}"] for number in range(len(keys))))
        .select_from(listing.join(held, true()))
        .where(tuple_(listing.c.registry_id, listing.c.entry_id).in_(entries))
    )
    found: dict[tuple[int, int], list[Row[Any]]] = {entry: [] for entry in entries}
    for row in await session.execute(statement):
        found[row.registry_id, row.entry_id].append(row)
    return {entry: _page(rows, window) for entry, rows in found.items()}


_Keys = list[tuple[ColumnElement[Any], bool]]


def _with_withdrawn(statement: Select[Any], scope: Scope, query: ListServers) -> Select[Any]:
    """The window over the rows of `statement` and those that the registry withdrew since: the latter as deleted."""
    gone = _withdrawn(scope, query)
    keys = _keys_of(withdrawal, query)
    values: dict[str, Any] = {
        "version_id": literal(0),
        "entry_id": literal(0),
        "is_latest": literal(False),
        "status": literal(int(Status.DELETED), SmallInteger),
        "status_message": literal(WITHDRAWN),
        "status_changed_at": withdrawal.c.at,
        "updated_at": withdrawal.c.at,
        "title": null(),
        "description": literal(""),
        "tier": null(),
        **dict.fromkeys(("tags", "tools", "registry_types", "transports"), literal([], ARRAY(Text))),
    }
    names = [name for name in map(str, statement.selected_columns.keys()) if not name.startswith("key_")]
    columns = [(values[name] if name in values else withdrawal.c[name]).label(name) for name in names]
    rows = _windowed(gone.add_columns(*columns, *_labelled(keys)), keys, query.window)
    both = union_all(statement.subquery().select(), rows.subquery().select()).subquery()
    order: _Keys = [(both.c[f"key_{number}"], down) for number, (_, down) in enumerate(keys)]
    return _ordered(both.select(), order, query.window)


def _withdrawn(scope: Scope, query: ListServers) -> Select[Any]:
    """Withdrawn versions that whoever reads does not see in another entry of the same name."""
    held = listing.join(version, version.c.entry_id == listing.c.entry_id)
    same_name = and_(scope.condition(), listing.c.name == withdrawal.c.name)
    clauses = [
        withdrawal.c.registry_id == scope.registry_id,
        withdrawal.c.kind == int(scope.kind),
        withdrawal.c.at > query.updated_since,
    ]
    if scope.visibility.claim_sets is not None:
        clauses.append(withdrawal.c.claim_set_id.in_(scope.visibility.claim_sets))
    if query.version == LATEST:
        clauses += [withdrawal.c.was_latest, ~exists().select_from(listing).where(same_name)]
    else:
        same = and_(same_name, version.c.version == withdrawal.c.version)
        clauses.append(~exists().select_from(held).where(same))
        if query.version is not None:
            clauses.append(withdrawal.c.version == query.version)
    return select().select_from(withdrawal).where(*clauses)


def _ranked(scope: Scope, query: ListServers, search: Search) -> Select[Any]:
    """The latest versions that are found, the best first: rows of three numbers are ranked, documents fetched last."""
    place = (-score(search)).label("place")
    found = matching(scope, query, narrow=True).add_columns(listing.c.entry_id, listing.c.name, place)
    hit = found.cte().prefix_with("materialized")
    keys: _Keys = [(hit.c.place, False), (hit.c.name, False)]
    page = _windowed(select(hit.c.entry_id, *_labelled(keys)), keys, query.window).subquery("page")
    held = listing.join(version, version.c.id == listing.c.latest_version_id)
    places: _Keys = [(page.c.key_0, False), (page.c.key_1, False)]
    statement = (
        select(*_fields(version), *(place for place, _ in places), (-page.c.key_0).label("score"))
        .select_from(page.join(held, page.c.entry_id == listing.c.entry_id))
        .where(listing.c.registry_id == scope.registry_id)
    )
    return _ordered(statement, places, query.window)


def matching(scope: Scope, query: ListServers, *, narrow: bool = False, searchable: bool = False) -> Select[Any]:
    """What a query finds, without columns. `narrow`: entry_version is left out unless a condition is about it;
    `searchable`: entry_search is there, whether something is searched for or not.
    """
    clauses = [scope.condition(), condition(query.where)]
    latest = query.version == LATEST
    narrow = narrow and latest and query.updated_since is None and not reads_version(query.where)
    tables: FromClause = listing
    if not narrow:
        held = version.c.id == listing.c.latest_version_id if latest else version.c.entry_id == listing.c.entry_id
        tables = listing.join(version, held)
    if not latest and query.version is not None:
        clauses.append(version.c.version == query.version)
    if searchable or query.search or query.ranked:
        tables = tables.join(entry_search, entry_search.c.entry_id == listing.c.entry_id)
    if query.search:
        clauses.append(contains_text(query.search))
    if query.ranked is not None:
        clauses.append(found_by(query.ranked))
    if query.updated_since is not None:
        clauses.append(version.c.updated_at > query.updated_since)
    if not query.shows_deleted:
        clauses += [listing.c.live] if latest else []
        clauses += [] if narrow else [_NOT_DELETED]
    return select().select_from(tables).where(*clauses)


def _order_keys(query: ListServers) -> _Keys:
    """What rows are ordered by, each with whether it descends; unique taken together."""
    if query.order is None and query.search:
        # A client that looks up one server by searching for its name reads only the first page.
        last_part = func.split_part(listing.c.name, "/", 2)
        exact = or_(listing.c.name == query.search, last_part == query.search)
        return [(case((exact, 0), else_=1), False), *_name_keys(query, False)]
    order = query.order or Order()
    names = _name_keys(query, order.descending)
    times = {OrderField.PUBLISHED_AT: version.c.published_at, OrderField.UPDATED_AT: version.c.updated_at}
    time = times.get(order.field)
    # Microseconds since 1970 stand in for the time: they survive the way through a cursor exactly.
    if time is None:
        return names
    return [((func.extract("epoch", time) * 1_000_000).cast(BigInteger), order.descending), *names]


def _name_keys(query: ListServers, down: bool) -> _Keys:
    """Of the latest versions each name has one, and a name whose latest moves between two pages must not come twice."""
    return [(listing.c.name, down), *([] if query.version == LATEST else [(version.c.version, down)])]


def _keys_of(table: FromClause, query: ListServers) -> _Keys:
    """The same for a table that has both name and version."""
    return [(table.c.name, False), *([] if query.version == LATEST else [(table.c.version, False)])]


def _labelled(keys: _Keys) -> list[ColumnElement[Any]]:
    return [expression.label(f"key_{number}") for number, (expression, _) in enumerate(keys)]


def _windowed(statement: Select[Any], keys: _Keys, window: Window) -> Select[Any]:
    """The rows of the window and one more in its direction, which tells whether the order goes on there."""
    for place, forward in ((window.after, True), (window.before, False)):
        if place is not None:
            statement = statement.where(_beyond(keys, place, forward=forward))
    return _ordered(statement, keys, window)


def _ordered(statement: Select[Any], keys: _Keys, window: Window) -> Select[Any]:
    ordering = [e.desc() if down != window.backward else e.asc() for e, down in keys]
    return statement.order_by(*ordering).limit(window.limit + 1)


def _beyond(keys: _Keys, place: Key, *, forward: bool) -> ColumnElement[bool]:
    expressions = [expression for expression, _ in keys]
    if [type(part) for part in place] != [expression.type.python_type for expression in expressions]:
        raise Invalid("Invalid cursor parameter: it belongs to another kind of list")
    falling = keys[0][1]
    row = tuple_(*expressions)
    # A forged cursor may hold a number that is no integer to PostgreSQL, but is always a bigint.
    values = [literal(value, BigInteger if isinstance(value, int) else Text) for value in place]
    bound = tuple_(*values)
    # The comparison of rows spans two tables, so no index serves it; that of the first key alone tells where to start.
    if forward != falling:
        return and_(expressions[0] >= values[0], row > bound)
    return and_(expressions[0] <= values[0], row < bound)


def _page(rows: Sequence[Row[Any]], window: Window) -> Page[VersionView]:
    return cut_page([_view(row) for row in rows], window)


_NAMES = [field.name for field in fields(VersionView) if field.name not in ("status", "key", "score")]


def _view(row: Row[Any]) -> VersionView:
    values = row._mapping
    return VersionView(
        **{name: values[name] for name in _NAMES},
        status=Status(row.status),
        key=tuple(value for name, value in values.items() if name.startswith("key_")),
        score=values.get("score"),
    )
