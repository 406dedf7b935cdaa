"""The schema documents itself: everything a client can see carries a description."""

from __future__ import annotations

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
)

from app.graphql.limits.amounts import Limits
from app.graphql.options import Options
from app.graphql.schema import build_schema as make_schema
from app.graphql.schema import print_sdl


def test_every_type_field_argument_and_value_has_a_description() -> None:
    missing = []
    for name, kind in build_schema(print_sdl()).type_map.items():
        if name.startswith("__") or name in ("String", "Int", "Boolean", "ID", "Float"):
            continue
        if not kind.description:
            missing.append(name)
        if isinstance(kind, GraphQLEnumType):
            missing += [f"{name}.{value}" for value, item in kind.values.items() if not item.description]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in kind.fields.items():
                if not field.description:
                    missing.append(f"{name}.{field_name}")
                arguments = getattr(field, "args", {})
                missing += [f"{name}.{field_name}({a})" for a, item in arguments.items() if not item.description]
    assert missing == []


def test_schema_can_be_built_more_than_once() -> None:
    """Each server has one of its own, with its own limits."""
    first, second = make_schema(), make_schema(Options(limits=Limits(introspection=False)))
    assert first is not second
    assert first.as_str() == second.as_str()


def test_every_list_of_objects_has_a_bound() -> None:
    """A list without one would let a small operation ask for everything: connections are paged, and what is short by
    nature has no more than a document holds."""
    schema = make_schema()._schema
    root = schema.query_type
    assert root is not None
    for name, field in root.fields.items():
        if is_list_type(get_nullable_type(field.type)) and is_composite_type(get_named_type(field.type)):
            assert "ids" in field.args, f"Query.{name} gives a list without pages"
