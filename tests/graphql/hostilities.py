"""Operations that nobody sends by mistake, each with the code that it is refused with before anything of it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Hostile:
    code: str
    query: str
    variables: dict[str, Any] = field(default_factory=dict)


def _nest(depth: int, opening: str, core: str, closing: str = "}") -> str:
    return opening * depth + core + closing * depth


def _doubling(levels: int, on: str = "Query", leaf: str = "__typename") -> str:
    """Fragments of which each spreads the next twice: 2 ** levels fields in a text of a few lines."""
    chain = [f"fragment F{n} on {on} {{ ...F{n + 1} ...F{n + 1} }}" for n in range(levels)]
    return " ".join([*chain, f"fragment F{levels} on {on} {{ {leaf} }}"])


def _chain(length: int) -> str:
    chain = [f"fragment F{n} on Server {{ latest {{ server {{ ...F{n + 1} }} }} }}" for n in range(length)]
    return " ".join(['{ server(name: "a/b") { ...F0 } }', *chain, f"fragment F{length} on Server {{ name }}"])


def _conflicts(count: int) -> str:
    """Fields of one response name, each to be compared with each."""
    return "{ " + " ".join(["servers { nodes { name } }"] * count) + " }"


def _cross(count: int) -> str:
    """Fragments of the same fields, to be compared in pairs."""
    bodies = " ".join(
        f"fragment G{n} on Server {{ name title tags latest {{ server {{ name }} }} }}" for n in range(count)
    )
    return '{ server(name: "a/b") { ' + " ".join(f"...G{n}" for n in range(count)) + " } } " + bodies


_PAGES = "{ servers(first: 100) { nodes { versions(first: 100) { nodes { packages { transport { url } } } } } } }"
_PARTS = "packages { identifier } remotes { url } icons { src }"
_TYPES = _nest(4, "fields { type { ", "name", "} }")

HOSTILE: dict[str, Hostile] = {
    # Too large to be read.
    "many tokens": Hostile("TOO_MANY_TOKENS", "{ " + "a " * 3000 + "}"),
    "many brackets": Hostile("TOO_DEEP", "{ servers(where: {AND: " + "[" * 3000),
    "comments": Hostile("TOO_MANY_TOKENS", "#\n" * 10_000 + "{ __typename }"),
    "long comment": Hostile("TOO_LONG", "#" + "x" * 40_000 + "\n{ __typename }"),
    "long string": Hostile("TOO_LONG", '{ server(name: "' + "x" * 40_000 + '") { name } }'),
    "escapes": Hostile("TOO_LONG", '{ server(name: "' + "\\u0041" * 9_000 + '") { name } }'),
    "block string": Hostile("TOO_LONG", '{ server(name: """' + "\n " * 25_000 + '""") { name } }'),
    "blanks": Hostile("TOO_LONG", "{" + " ,\n\ufeff" * 12_000 + "__typename }"),
    "unicode": Hostile("TOO_LONG", '{ server(name: "' + "\U0001f600" * 40_000 + '") { name } }'),
    # Syntax.
    "unclosed string": Hostile("GRAPHQL_PARSE_FAILED", '{ server(name: "' + "x" * 31_000),
    "unclosed block": Hostile("GRAPHQL_PARSE_FAILED", '{ server(name: """' + "x\n" * 15_500),
    "bidirectional": Hostile("GRAPHQL_PARSE_FAILED", "{ \u202eserver }"),
    "nul": Hostile("GRAPHQL_PARSE_FAILED", "{ server\0 }"),
    # Deep.
    "deep fields": Hostile(
        "TOO_DEEP", '{ server(name: "a/b") ' + _nest(30, "{ latest { server ", "{ id }", "} }") + "}"
    ),
    "deep selections": Hostile("TOO_DEEP", _nest(500, "{ a ", "{ b }")),
    "deep inline fragments": Hostile("TOO_DEEP", "{ " + _nest(150, "... { ", "__typename") + " }"),
    "deep list": Hostile("TOO_DEEP", "{ servers(where: {AND: " + "[" * 900 + "]" * 900 + "}) { totalCount } }"),
    "deep object": Hostile("TOO_DEEP", "{ validateServer(document: " + _nest(400, "{a: ", "1") + ") { isValid } }"),
    "chained fragments": Hostile("TOO_DEEP", _chain(60)),
    "deep introspection": Hostile("TOO_DEEP", "{ __schema { types { " + _TYPES + " } } }"),
    # Many.
    "aliases": Hostile("TOO_MANY_ALIASES", "{ service { " + " ".join(f"a{n}: version" for n in range(60)) + " } }"),
    "aliases in fragments": Hostile(
        "TOO_MANY_ALIASES", "{ service { ...F0 } } " + _doubling(6, "ServiceInfo", "a: version")
    ),
    "fields at the top": Hostile("TOO_MANY_FIELDS", "{ " + "service { version } " * 30 + "}"),
    "mutations": Hostile(
        "TOO_MANY_FIELDS",
        "mutation { " + " ".join(f'a{n}: deleteSource(input: {{name: "a"}}) {{ deletedId }}' for n in range(30)) + " }",
    ),
    "doubling fragments": Hostile("TOO_MANY_FIELDS", "{ ...F0 } " + _doubling(20)),
    "doubling for ever": Hostile("TOO_MANY_FIELDS", "{ ...F0 } " + _doubling(80)),
    "fragments": Hostile(
        "TOO_MANY_DEFINITIONS", "{ __typename } " + " ".join(f"fragment F{n} on Query {{ x }}" for n in range(200))
    ),
    "operations": Hostile("TOO_MANY_DEFINITIONS", " ".join(f"query Q{n} {{ __typename }}" for n in range(300))),
    "directives": Hostile("TOO_MANY_DIRECTIVES", "{ __typename " + "@include(if: true) " * 200 + "}"),
    "unknown directives": Hostile("TOO_MANY_DIRECTIVES", "query " + "@a " * 900 + "{ __typename }"),
    "declared variables": Hostile(
        "TOO_MANY_ITEMS", "query(" + " ".join(f"$v{n}: Int" for n in range(300)) + ") { __typename }"
    ),
    "long list": Hostile("TOO_MANY_ITEMS", "{ nodes(ids: [" + "1 " * 1500 + "]) { id } }"),
    "long list within": Hostile(
        "TOO_MANY_ITEMS", "{ servers(where: {AND: [{name: {in: [" + '"a" ' * 400 + "]}}]}) { totalCount } }"
    ),
    # Circles, and what takes time to compare.
    "circle": Hostile(
        "GRAPHQL_VALIDATION_FAILED", "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }"
    ),
    "circle of one": Hostile("GRAPHQL_VALIDATION_FAILED", "{ ...A } fragment A on Query { ...A ...A __typename }"),
    "same fields": Hostile("TOO_MANY_FIELDS", _conflicts(200)),
    "same fields below": Hostile("TOO_COMPLEX", "{ servers { " + "nodes { name title } " * 190 + "} }"),
    "fragments in pairs": Hostile("TOO_COMPLEX", _cross(90)),
    "unknown fields": Hostile(
        "GRAPHQL_VALIDATION_FAILED", "{ service { " + " ".join(f"nam{n}" for n in range(900)) + " } }"
    ),
    "many arguments": Hostile(
        "TOO_MANY_ITEMS", "{ servers(" + " ".join(f"firs{n}: 1" for n in range(500)) + ") { totalCount } }"
    ),
    "wide": Hostile("TOO_MANY_FIELDS", "{ service { " + "version " * 1500 + " } }"),
    "unknown arguments": Hostile(
        "GRAPHQL_VALIDATION_FAILED", "{ servers(" + " ".join(f"firs{n}: 1" for n in range(30)) + ") { totalCount } }"
    ),
    "duplicated variables": Hostile("GRAPHQL_VALIDATION_FAILED", "query(" + "$a: Int " * 90 + ") { __typename }"),
    "duplicated arguments": Hostile(
        "GRAPHQL_VALIDATION_FAILED", "{ servers(" + "first: 1 " * 30 + ") { totalCount } }"
    ),
    # Values.
    "huge integer": Hostile("TOO_LONG", "{ servers(first: " + "9" * 5000 + ") { totalCount } }"),
    "huge integer within": Hostile(
        "TOO_LONG", "query($d: JSON! = [{a: -" + "9" * 5000 + "}]) { validateServer(document: $d) { isValid } }"
    ),
    "large integer": Hostile("GRAPHQL_VALIDATION_FAILED", "{ servers(first: " + "9" * 400 + ") { totalCount } }"),
    "huge exponent": Hostile("GRAPHQL_VALIDATION_FAILED", "{ servers(first: 1e999999) { totalCount } }"),
    "float of a variable": Hostile(
        "BAD_USER_INPUT", "query($n: Int) { servers(first: $n) { totalCount } }", {"n": 1e300}
    ),
    "integer of a variable": Hostile(
        "BAD_USER_INPUT", "query($n: Int) { servers(first: $n) { totalCount } }", {"n": 2**40}
    ),
    "list in a variable": Hostile(
        "TOO_MANY_ITEMS", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["x"] * 100_000}
    ),
    "objects in a variable": Hostile(
        "TOO_MANY_ITEMS",
        "query($w: ServerWhere) { servers(where: $w) { totalCount } }",
        {"w": {"AND": [{"OR": [{"name": {"eq": "a"}}] * 60}] * 60}},
    ),
    "unusable items": Hostile("BAD_USER_INPUT", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [None] * 200}),
    # Dear to execute.
    "pages of pages": Hostile("TOO_COMPLEX", _PAGES),
    "pages by default": Hostile(
        "TOO_COMPLEX", "{ servers { nodes " + _nest(4, "{ registries { servers { nodes ", "{ id }", "} } }") + "} }"
    ),
    "pages of a variable": Hostile(
        "TOO_COMPLEX", _PAGES.replace("{ servers(first: 100)", "query($n: Int) { servers(first: $n)"), {"n": 100}
    ),
    "pages by aliases": Hostile(
        "TOO_COMPLEX",
        "{ " + " ".join(f"a{n}: servers(last: 100) {{ nodes {{ latest {{ {_PARTS} }} }} }}" for n in range(18)) + " }",
    ),
    "nodes": Hostile(
        "TOO_COMPLEX",
        "{ nodes(ids: ["
        + '"x" ' * 100
        + "]) { ... on Source { runs(first: 100) { nodes { rejections { name } } } } } }",
    ),
    "doubled pages": Hostile(
        "TOO_COMPLEX", "{ servers(first: 100) { nodes { ...F0 } } } " + _doubling(8, "Server", "latest { id }")
    ),
    "whole versions": Hostile(
        "TOO_COMPLEX",
        "{ servers(first: 100) { nodes { versions(first: 100) { nodes { id name version title status } } } } }",
    ),
    "documents": Hostile(
        "TOO_COMPLEX", "{ servers(first: 100) { nodes { versions(first: 100) { nodes { document } } } } }"
    ),
    "wide introspection": Hostile(
        "TOO_COMPLEX",
        "{ "
        + " ".join(
            f"a{n}: __schema {{ types {{ fields {{ args {{ type {{ fields {{ name }} }} }} }} }} }}" for n in range(10)
        )
        + " }",
    ),
}
