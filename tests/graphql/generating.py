"""Random operations that are valid by the schema, with arguments that mostly mean something to the catalogue asked.

What answers hold (ids, cursors, names) is handed back as arguments of later operations, so that they go deep.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

TIMES = ("2025-01-01T00:00:00Z", "2026-06-01T12:30:00.123456+02:00", "1970-01-01T00:00:00Z")
WORDS = ("a", "db", "git", "server", "the", "mcp search", "githib", "x y z", "ß", "%_", "日本", "official", "1.0.0", "")
DOCUMENTS: tuple[Any, ...] = ({}, [], "x", 1, {"name": "com.example/x", "version": "1", "description": "d"})
KEPT = {name: name for name in ("id", "cursor", "name", "version")} | {"endCursor": "cursor", "startCursor": "cursor"}
"""What answers hold that later operations can use: the member's name to the argument's."""

MAX_DEPTH = 5
MAX_KEPT = 200


class Generator:
    """`known` holds values by the name of the argument or input field that takes them."""

    def __init__(self, schema: GraphQLSchema, rng: random.Random, known: Mapping[str, list[Any]]) -> None:
        self.schema = schema
        self.rng = rng
        self.numbers = itertools.count()
        self.known = defaultdict(list, {name: list(values) for name, values in known.items()})

    def query(self) -> tuple[str, dict[str, Any]]:
        """The text of a query and its variables."""
        self.variables: dict[str, tuple[str, Any]] = {}
        root = self.schema.query_type
        assert root is not None
        chosen = self.rng.sample(sorted(root.fields), self.rng.choice((1, 1, 1, 2, 3)))
        body = " ".join(self._field(f"r{n}: {name}", root.fields[name], 1) for n, name in enumerate(chosen))
        declared = ", ".join(f"${name}: {kind}" for name, (kind, _) in self.variables.items())
        text = f"query Generated{f'({declared})' if declared else ''} {{ {body} }}"
        return text, {name: value for name, (_, value) in self.variables.items()}

    def learn(self, value: Any) -> None:
        """Keeps what an answer tells for later arguments."""
        if isinstance(value, list):
            for item in value:
                self.learn(item)
        elif isinstance(value, dict):
            for name, item in value.items():
                member = name.partition("_")[0]
                if member in KEPT and isinstance(item, str):
                    self._keep(KEPT[member], item)
                else:
                    self.learn(item)

    def _keep(self, name: str, value: str) -> None:
        kept = self.known[name]
        if value not in kept:
            kept.append(value)
        if len(kept) > MAX_KEPT:
            kept.pop(self.rng.randrange(len(kept)))

    def _field(self, name: str, field: GraphQLField, depth: int, *, apart: bool = False) -> str:
        arguments = [
            f"{key}: {self._argument(key, argument)}"
            for key, argument in field.args.items()
            if is_required_argument(argument) or self.rng.random() < 0.3
        ]
        given = f"({', '.join(arguments)})" if arguments else ""
        return f"{name}{given}{self._selection(get_named_type(field.type), depth, apart=apart)}"

    def _selection(self, kind: GraphQLNamedType, depth: int, *, apart: bool = False) -> str:
        """`apart`: the fields must not meet fields of the same name that another type has in the same place."""
        if is_leaf_type(kind):
            return ""
        parts = ["__typename"]
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            leaves = [name for name, field in kind.fields.items() if is_leaf_type(get_named_type(field.type))]
            branches = [name for name in kind.fields if name not in leaves] if depth < MAX_DEPTH else []
            for name in (*self._some(leaves, 3), *self._some(branches, 2 if depth < 3 else 1)):
                field = kind.fields[name]
                alias = f"{name}_{next(self.numbers)}: " if apart else ""
                parts.append(self._field(f"{alias}{name}", field, depth + 1, apart=apart))
        if isinstance(kind, GraphQLInterfaceType):
            for possible in self._some(sorted(self.schema.get_possible_types(kind), key=str), 3):
                parts.append(f"... on {possible.name}{self._selection(possible, depth + 1, apart=True)}")
        return " { " + " ".join(parts) + " }"

    def _some(self, items: list[Any], most: int) -> list[Any]:
        return self.rng.sample(items, min(len(items), self.rng.randint(0, most)))

    def _argument(self, name: str, argument: GraphQLArgument) -> str:
        if self.rng.random() < 0.3:
            variable = f"v{len(self.variables)}"
            self.variables[variable] = (str(argument.type), self._value(name, argument.type, 0))
            return f"${variable}"
        return self._print(self._value(name, argument.type, 0))

    def _value(self, name: str, kind: GraphQLInputType, depth: int) -> Any:
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        elif depth and self.rng.random() < 0.05:
            return None
        if isinstance(kind, GraphQLList):
            held = kind.of_type.of_type if isinstance(kind.of_type, GraphQLNonNull) else kind.of_type
            return [self._item(name, held, depth + 1) for _ in range(self.rng.randint(0, 3))]
        return self._item(name, kind, depth)

    def _item(self, name: str, kind: Any, depth: int) -> Any:
        """A value that is not null."""
        if isinstance(kind, GraphQLInputObjectType):
            return self._object(kind, depth)
        if isinstance(kind, GraphQLEnumType):
            return Word(self.rng.choice(sorted(kind.values)))
        return self._scalar(name, kind.name)

    def _object(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        def wanted(field: GraphQLInputField) -> bool:
            return is_required_input_field(field) or (depth < 4 and self.rng.random() < 0.25)

        return {n: self._value(n, field.type, depth + 1) for n, field in kind.fields.items() if wanted(field)}

    def _scalar(self, name: str, kind: str) -> Any:
        match kind:
            case "Int":
                return self.rng.choice((1, 2, 3, 7, 20, 100)) if self.rng.random() < 0.97 else self.rng.randint(-5, 300)
            case "Boolean":
                return self.rng.random() < 0.5
            case "DateTime":
                return self.rng.choice(TIMES)
            case "JSON":
                return self.rng.choice(DOCUMENTS)
            case "Float":
                return self.rng.random()
        kept = self.known[{"ids": "id", "after": "cursor", "before": "cursor"}.get(name, name)]
        return self.rng.choice(kept) if kept and self.rng.random() < 0.8 else self.rng.choice(WORDS)

    def _print(self, value: Any) -> str:
        match value:
            case None:
                return "null"
            case bool():
                return "true" if value else "false"
            case Word():
                return str(value)
            case str():
                escaped = value.replace("\\", "\\\\").replace('"', '\\"')
                return f'"{escaped}"'
            case list():
                return f"[{', '.join(map(self._print, value))}]"
            case dict():
                return f"{{{', '.join(f'{name}: {self._print(item)}' for name, item in value.items())}}}"
        return str(value)


class Word(str):
    """A name of an enum's value; a variable holds it as text, an operation without quotes."""

    __slots__ = ()
