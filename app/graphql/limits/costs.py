"""What an operation would cost: the objects that it may ask for, told from its text, its variables and the schema.

Each object counts 1, fields without fields of their own nothing. A list multiplies what stands below it: a connection
by its `first` or `last` (or the default), `nodes(ids:)` by the ids, any other by the length in sizes.py. What is left
out by @skip or stands twice counts all the same. The document must be valid.

Beside it the values of the answer are counted: each field that it holds is one, or as many as sizes.py says. A version
with all its fields takes ten times as long as one with its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)
from graphql.pyutils import Undefined

from app.graphql.limits.measures import INTROSPECTION
from app.graphql.limits.sizes import INTROSPECTED, LENGTHS, USUAL, VALUES, VALUES_OF_JSON
from app.graphql.pagination import DEFAULT_FIRST, MAX_FIRST

MAX_IDS = 100

_PAGED = ("nodes", "edges")


@dataclass(frozen=True, slots=True)
class Cost:
    """Objects and values of a selection: of itself, and `each` once for every item of the page that it stands in."""

    objects: int = 0
    values: int = 0
    each: Cost | None = None

    def __add__(self, other: Cost) -> Cost:
        each = self.each + other.each if self.each and other.each else self.each or other.each
        return Cost(self.objects + other.objects, self.values + other.values, each)

    def __mul__(self, count: int) -> Cost:
        return Cost(self.objects * count, self.values * count)

    def on_page(self, items: int) -> Cost:
        return Cost(self.objects, self.values) + self.each * items if self.each else self


_OBJECT = Cost(objects=1, values=1)


@dataclass(slots=True)
class Counter:
    """Counts one operation. `variables` are the coerced ones. Each fragment is counted once."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    introspected: int = 0
    """Objects of the introspection, which are not part of the cost."""

    _known: dict[str, Cost] = field(default_factory=dict)

    def count(self, operation: OperationDefinitionNode) -> Cost:
        root = self.schema.get_root_type(operation.operation)
        return self._selections(operation.selection_set, root)

    def _selections(self, selected: SelectionSetNode | None, parent: GraphQLNamedType | None) -> Cost:
        cost = Cost()
        for node in selected.selections if selected else ():
            if isinstance(node, FieldNode):
                cost += self._field(node, parent)
            elif isinstance(node, FragmentSpreadNode):
                cost += self._fragment(node.name.value)
            elif isinstance(node, InlineFragmentNode):
                condition = node.type_condition
                inner = self.schema.get_type(condition.name.value) if condition else parent
                cost += self._selections(node.selection_set, inner)
        return cost

    def _fragment(self, name: str) -> Cost:
        if name not in self._known:
            fragment = self.fragments[name]
            condition = self.schema.get_type(fragment.type_condition.name.value)
            self._known[name] = self._selections(fragment.selection_set, condition)
        return self._known[name]

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None) -> Cost:
        name = node.name.value
        if not isinstance(parent, GraphQLObjectType | GraphQLInterfaceType):
            return Cost(values=1)  # __typename of a union
        definition = self.schema.get_field(parent, name)
        kind = get_named_type(definition.type) if definition else None
        full_name = f"{parent.name}.{name}"
        own = Cost(values=VALUES.get(full_name, VALUES_OF_JSON if kind is not None and kind.name == "JSON" else 1))
        if definition is None or not is_composite_type(kind):
            return own
        inner = self._selections(node.selection_set, kind)
        if name in INTROSPECTION:
            self.introspected += inner.objects
            return Cost()
        if _is_connection(parent) and name in _PAGED:
            return Cost(each=_OBJECT + inner.on_page(0))
        if is_list_type(get_nullable_type(definition.type)):
            return own + (_OBJECT + inner.on_page(0)) * self._length(node, definition, full_name)
        return own + Cost(objects=1) + inner.on_page(self._page(node, definition))

    def _length(self, node: FieldNode, definition: GraphQLField, name: str) -> int:
        if "first" in definition.args:
            return self._page(node, definition)
        if "ids" in definition.args:
            given = self._argument(node, definition, "ids")
            return min(len(given), MAX_IDS) if isinstance(given, list) else 1
        return LENGTHS.get(name, INTROSPECTED if name.startswith("__") else USUAL)

    def _page(self, node: FieldNode, definition: GraphQLField) -> int:
        """Items that `first` and `last` ask for. What is beyond the largest page is refused when the field runs."""
        given = [self._argument(node, definition, name) for name in ("first", "last") if name in definition.args]
        numbers = [min(max(number, 0), MAX_FIRST) for number in given if isinstance(number, int)]
        return max(numbers, default=DEFAULT_FIRST)

    def _argument(self, node: FieldNode, definition: GraphQLField, name: str) -> Any:
        for argument in node.arguments or ():
            if argument.name.value != name:
                continue
            if isinstance(argument.value, ListValueNode):
                return list(argument.value.values)
            given = value_from_ast_untyped(argument.value, dict(self.variables))
            return _default(definition, name) if given is Undefined or given is None else given
        return _default(definition, name)


def _default(definition: GraphQLField, name: str) -> Any:
    return getattr(definition.args[name], "default_value", None)


def _is_connection(kind: GraphQLNamedType) -> bool:
    return kind.name.endswith("Connection")
