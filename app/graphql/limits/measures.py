"""How large a document is, told from its text alone: one walk over its definitions, then one over its fragments.

Every definition is walked once, whatever refers to it, so that fragments which double each other cost no more than
their length. The walks are not recursive: this is what stands before everything that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    FloatValueNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    Node,
    ObjectFieldNode,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableDefinitionNode,
)

INTROSPECTION = frozenset({"__schema", "__type"})


@dataclass(slots=True)
class Measures:
    """Of one definition; at the end with its fragments written out, unless there is a cycle of them."""

    fields: int = 0
    aliases: int = 0
    root_fields: int = 0
    depth: int = 0
    """Fields inside each other, without introspection."""
    nesting: int = 0
    """Selections inside each other, whatever they are."""
    introspects: bool = False
    spreads: list[Spread] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Spread:
    """Where a fragment is used: `depth` fields and `nesting` selections down."""

    name: str
    depth: int
    nesting: int
    is_root: bool
    is_introspection: bool


@dataclass(slots=True)
class Sizes:
    """Of a document."""

    operations: list[tuple[OperationDefinitionNode, Measures]] = field(default_factory=list)
    fragments: dict[str, Measures] = field(default_factory=dict)
    definitions: int = 0
    fields: int = 0
    """As they are written, whether or not an operation comes by them."""
    directives: int = 0
    most_arguments: int = 0
    longest_list: int = 0
    longest_number: int = 0
    cycle: tuple[str, ...] = ()
    """Names of fragments of which each spreads the next, and the last the first."""


class _Place(NamedTuple):
    depth: int
    nesting: int
    is_root: bool
    is_introspection: bool


def size_up(document: DocumentNode) -> Sizes:
    sizes = Sizes(definitions=len(document.definitions))
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            sizes.fragments[definition.name.value] = _measure(definition, sizes)
        elif isinstance(definition, OperationDefinitionNode):
            sizes.operations.append((definition, _measure(definition, sizes)))
    _add_up(sizes)
    if not sizes.cycle:
        sizes.operations = [(node, _written_out(own, sizes.fragments)) for node, own in sizes.operations]
    return sizes


def _measure(definition: OperationDefinitionNode | FragmentDefinitionNode, sizes: Sizes) -> Measures:
    found = Measures()
    _note_values(sizes, [*(definition.directives or ()), *(definition.variable_definitions or ())])
    waiting = [(node, _Place(0, 1, True, False)) for node in definition.selection_set.selections]
    while waiting:
        node, place = waiting.pop()
        if node.directives:
            _note_values(sizes, node.directives)
        found.nesting = max(found.nesting, place.nesting)
        if isinstance(node, FragmentSpreadNode):
            spread = Spread(node.name.value, place.depth, place.nesting, place.is_root, place.is_introspection)
            found.spreads.append(spread)
            continue
        if isinstance(node, FieldNode):
            place = _note_field(found, node, place)
            _note_arguments(sizes, node.arguments)
        chosen = node.selection_set if isinstance(node, FieldNode | InlineFragmentNode) else None
        if chosen:
            place = place._replace(nesting=place.nesting + 1)
            waiting += [(child, place) for child in chosen.selections]
    sizes.fields += found.fields
    return found


def _note_field(found: Measures, node: FieldNode, place: _Place) -> _Place:
    """Where the field's own selections are."""
    is_introspection = place.is_introspection or node.name.value in INTROSPECTION
    is_counted = not is_introspection and node.name.value != "__typename"
    depth = place.depth + is_counted
    found.fields += 1
    found.aliases += node.alias is not None
    found.root_fields += place.is_root
    found.depth = max(found.depth, depth)
    found.introspects = found.introspects or is_introspection
    return _Place(depth, place.nesting, False, is_introspection)


def _note_arguments(sizes: Sizes, arguments: Sequence[ArgumentNode] | None) -> None:
    if arguments:
        sizes.most_arguments = max(sizes.most_arguments, len(arguments))
        _note_values(sizes, arguments)


def _note_values(sizes: Sizes, nodes: Iterable[Node]) -> None:
    """Directives, and the longest list and number among arguments and defaults."""
    waiting: list[Node | None] = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, DirectiveNode):
            sizes.directives += 1
            _note_arguments(sizes, node.arguments)
        elif isinstance(node, VariableDefinitionNode):
            waiting += [node.default_value, *(node.directives or ())]
        elif isinstance(node, ListValueNode):
            sizes.longest_list = max(sizes.longest_list, len(node.values))
            waiting += node.values
        elif isinstance(node, ObjectValueNode):
            waiting += node.fields
        elif isinstance(node, ArgumentNode | ObjectFieldNode):
            waiting.append(node.value)
        elif isinstance(node, IntValueNode | FloatValueNode):
            sizes.longest_number = max(sizes.longest_number, len(node.value))


def _add_up(sizes: Sizes) -> None:
    """Adds to each fragment what it spreads, those first that spread nothing more; stops at a cycle."""
    done: set[str] = set()
    for root in sizes.fragments:
        path = {root: iter(sizes.fragments[root].spreads)} if root not in done else {}
        while path:
            name, spreads = next(reversed(path.items()))
            ahead = next((s.name for s in spreads if s.name in sizes.fragments and s.name not in done), None)
            if ahead is None:
                sizes.fragments[name] = _written_out(sizes.fragments[name], sizes.fragments)
                done.add(name)
                del path[name]
            elif ahead in path:
                names = list(path)
                sizes.cycle = tuple(names[names.index(ahead) :])
                return
            else:
                path[ahead] = iter(sizes.fragments[ahead].spreads)


def _written_out(own: Measures, fragments: Mapping[str, Measures]) -> Measures:
    total = Measures(own.fields, own.aliases, own.root_fields, own.depth, own.nesting, own.introspects)
    for spread in own.spreads:
        inner = fragments.get(spread.name)
        if inner is None:
            continue  # validation says so
        total.fields += inner.fields
        total.aliases += inner.aliases
        total.root_fields += inner.root_fields if spread.is_root else 0
        total.nesting = max(total.nesting, spread.nesting + inner.nesting)
        if not spread.is_introspection:
            total.depth = max(total.depth, spread.depth + inner.depth)
        total.introspects = total.introspects or inner.introspects
    return total
