"""Turns the filter tree of app.models.queries into SQL conditions over listing, entry_version and source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Integer, Text, and_, bindparam, false, func, not_, or_, true
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.errors import Invalid
from app.models.queries import AllOf, AnyOf, Condition, Filter, Not, Operator, ServerField, Visibility
from app.models.tables import EntryVersion, Listing, Source, table_of

listing = table_of(Listing)
version = table_of(EntryVersion)
source = table_of(Source)

_COLUMNS: dict[ServerField, ColumnElement[Any]] = {
    ServerField.NAME: listing.c.name,
    ServerField.VERSION: version.c.version,
    ServerField.IS_LATEST: version.c.id == listing.c.latest_version_id,
    ServerField.NAMESPACE: func.split_part(listing.c.name, "/", 1),
    ServerField.TITLE: version.c.title,
    ServerField.DESCRIPTION: version.c.description,
    ServerField.STATUS: version.c.status,
    ServerField.TIER: version.c.tier,
    ServerField.TAGS: version.c.tags,
    ServerField.TOOLS: version.c.tools,
    ServerField.REGISTRY_TYPES: version.c.registry_types,
    ServerField.TRANSPORTS: version.c.transports,
    ServerField.PUBLISHED_AT: version.c.published_at,
    ServerField.UPDATED_AT: version.c.updated_at,
}


def visible(seen: FromClause, visibility: Visibility) -> ColumnElement[bool]:
    """Whether a listing row wins its name for a viewer: its own claim set is visible, no better namesake's is."""
    if visibility.claim_sets is None:
        return seen.c.shadowed_by.is_(None)
    sets = bindparam(None, list(visibility.claim_sets), type_=ARRAY(Integer))
    return and_(
        seen.c.claim_set_id == func.any(sets),
        or_(seen.c.shadowed_by.is_(None), not_(seen.c.shadowed_by.overlap(sets))),
    )


def condition(node: Filter | None) -> ColumnElement[bool]:
    match node:
        case None:
            return true()
        case AllOf():
            return and_(true(), *(condition(part) for part in node.parts))
        case AnyOf():
            return or_(false(), *(condition(part) for part in node.parts))
        case Not():
            # A comparison with an absent title or tier is unknown, and so would its negation be.
            return not_(func.coalesce(condition(node.part), false()))
        case Condition():
            return _compare(node)


_LISTED = frozenset((ServerField.NAME, ServerField.NAMESPACE, ServerField.SOURCE))


def reads_version(node: Filter | None) -> bool:
    """Whether the condition needs entry_version; listing alone is much narrower."""
    match node:
        case Condition():
            return node.field not in _LISTED
        case AllOf() | AnyOf():
            return any(reads_version(part) for part in node.parts)
        case Not():
            return reads_version(node.part)
    return False


def _compare(node: Condition) -> ColumnElement[bool]:
    if node.field is ServerField.SOURCE:
        names = node.value if node.operator is Operator.IN else (node.value,)
        return listing.c.source_id.in_(source.select().with_only_columns(source.c.id).where(source.c.name.in_(names)))
    build = _OPERATORS.get(node.operator)
    if build is None:
        raise Invalid(f"{node.field} cannot be compared with {node.operator}")
    return build(_COLUMNS[node.field], node.value)


def _texts(values: Any) -> ColumnElement[Any]:
    return sql_cast(bindparam(None, list(values), type_=ARRAY(Text)), ARRAY(Text))


_OPERATORS: dict[Operator, Callable[[ColumnElement[Any], Any], ColumnElement[bool]]] = {
    Operator.EQ: lambda column, value: column == value,
    Operator.IN: lambda column, value: column.in_(value),
    Operator.STARTS_WITH: lambda column, value: column.startswith(value, autoescape=True),
    Operator.CONTAINS: lambda column, value: column.icontains(value, autoescape=True),
    Operator.GT: lambda column, value: column > value,
    Operator.GTE: lambda column, value: column >= value,
    Operator.LT: lambda column, value: column < value,
    Operator.LTE: lambda column, value: column <= value,
    Operator.HAS: lambda column, value: column.contains(_texts([value])),
    Operator.HAS_ANY: lambda column, value: column.overlap(_texts(value)),
    Operator.HAS_ALL: lambda column, value: column.contains(_texts(value)),
}
