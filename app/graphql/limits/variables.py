"""Variables of a request: how much of them is read at all, and their values as the schema types them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    get_variable_values,
    type_from_ast,
)

from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.limits.amounts import MAX_ERRORS, MAX_INPUTS, MAX_ITEMS


def read_variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, given: Mapping[str, Any], *, suggest: bool
) -> dict[str, Any]:
    """The coerced values by name. Raises Refusal with every value that is not of its type, or for one too large."""
    total = 0
    for definition in operation.variable_definitions or ():
        name = definition.variable.name.value
        kind = cast(GraphQLInputType | None, type_from_ast(schema, definition.type))
        total += _count(name, given.get(name), kind)
        if total > MAX_INPUTS:
            raise Refusal(
                RequestError(Code.TOO_MANY_ITEMS, f"the variables hold more than {MAX_INPUTS} objects and lists")
            )
    values = get_variable_values(
        schema, operation.variable_definitions or (), dict(given), max_errors=MAX_ERRORS, hide_suggestions=not suggest
    )
    if isinstance(values, list):
        raise Refusal(*(RequestError(Code.BAD_USER_INPUT, error.message, about=error) for error in values))
    return values.coerced


def _count(name: str, value: Any, kind: GraphQLInputType | None) -> int:
    """Objects and lists of a value that are read by their types; a value of type JSON is taken as it is."""
    count = 0
    waiting = [(value, kind)]
    while waiting and count <= MAX_INPUTS:
        value, kind = waiting.pop()
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList) and isinstance(value, list):
            if len(value) > MAX_ITEMS:
                message = f"the variable ${name} holds a list of {len(value)} items; {MAX_ITEMS} at most"
                raise Refusal(RequestError(Code.TOO_MANY_ITEMS, message))
            count += 1
            waiting += [(item, kind.of_type) for item in value]
        elif isinstance(kind, GraphQLList):
            waiting.append((value, kind.of_type))  # one item may stand for a list of it
        elif isinstance(kind, GraphQLInputObjectType) and isinstance(value, dict):
            count += 1
            waiting += [(item, kind.fields[key].type) for key, item in value.items() if key in kind.fields]
    return count
