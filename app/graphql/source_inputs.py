"""Filters of sources and registries as GraphQL inputs, and their translation into app.models.selections."""

from __future__ import annotations

from typing import Any

import strawberry

from app.graphql.inputs import TextFilter, given_conditions, nested
from app.graphql.sources import CreationType, SourceKind, SyncPhase
from app.models.queries import Operator
from app.models.selections import Comparison, Selection


def _optional(description: str, name: str | None = None) -> Any:
    return strawberry.field(default=None, description=description, name=name)


@strawberry.input(description="Conditions on the kind of a source; all that are given must hold.")
class SourceKindFilter:
    eq: SourceKind | None = _optional("Equal to this.")
    in_: list[SourceKind] | None = _optional("Equal to one of these.", "in")


@strawberry.input(description="Conditions on who owns something; all that are given must hold.")
class CreationTypeFilter:
    eq: CreationType | None = _optional("Equal to this.")
    in_: list[CreationType] | None = _optional("Equal to one of these.", "in")


@strawberry.input(description="Conditions on the phase of a synchronisation; all that are given must hold.")
class SyncPhaseFilter:
    eq: SyncPhase | None = _optional("Equal to this.")
    in_: list[SyncPhase] | None = _optional("Equal to one of these.", "in")


@strawberry.input(description="Which sources to list; all that is given must hold.")
class SourceWhere:
    name: TextFilter | None = _optional("The name.")
    kind: SourceKindFilter | None = _optional("What it is.")
    creation_type: CreationTypeFilter | None = _optional("Who owns it.")
    phase: SyncPhaseFilter | None = _optional("Where its synchronisation stands.")
    all_of: list[SourceWhere] | None = _optional("All of these hold.", "AND")
    any_of: list[SourceWhere] | None = _optional("At least one of these holds.", "OR")
    none_of: SourceWhere | None = _optional("This does not hold.", "NOT")


@strawberry.input(description="Which registries to list; all that is given must hold.")
class RegistryWhere:
    name: TextFilter | None = _optional("The name.")
    creation_type: CreationTypeFilter | None = _optional("Who owns it.")
    all_of: list[RegistryWhere] | None = _optional("All of these hold.", "AND")
    any_of: list[RegistryWhere] | None = _optional("At least one of these holds.", "OR")
    none_of: RegistryWhere | None = _optional("This does not hold.", "NOT")


def to_selection(where: SourceWhere | RegistryWhere | None, depth: int = 0) -> Selection:
    """Everything without `where`. Raises Invalid for one that is nested too deep."""
    if where is None:
        return Selection()
    inner = nested(where, depth)
    return Selection(
        tuple(_comparison(*given) for given in given_conditions(where)),
        tuple(to_selection(part, depth + 1) for part in inner.all_of),
        None if inner.any_of is None else tuple(to_selection(part, depth + 1) for part in inner.any_of),
        None if inner.none_of is None else to_selection(inner.none_of, depth + 1),
    )


def _comparison(field: str, operator: Operator, value: Any) -> Comparison:
    # A kind is stored in small letters; the words of the schema are in capitals.
    if field == "kind":
        value = tuple(kind.lower() for kind in value) if isinstance(value, tuple) else value.lower()
    return Comparison(field, operator, value)
