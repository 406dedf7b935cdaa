"""What a list of servers must be, worked out from the documents and the rules alone, without the application.

Texts are ASCII, and the searched words have no English endings, so that folding and forms of words play no part.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Where = dict[str, Any]

WORDS = ("alpha", "alphabet", "gamma", "data", "metadata", "delta", "api", "db", "omega")
SEARCHED = (
    *WORDS,
    "alph",
    "amm",
    "lph",
    "mega",
    "d",
    "zebra",
    "mcp",
    "com",
    "acme",
    "github",
    "example",
    "com.example/",
)
NAMES = [
    f"{space}/{own}" for space in ("com.example", "io.github.acme") for own in ("alpha", "gamma-db", "data-mcp", "x")
]
EXTENSION = "io.modelcontextprotocol.registry/publisher-provided"


def random_document(rng: random.Random, name: str, version: str) -> Document:
    extension = {
        "tags": rng.sample(WORDS, rng.randint(0, 3)),
        "tools": [f"get_{word}" for word in rng.sample(WORDS, rng.randint(0, 2))],
        "status": rng.choice(["Active", "Deprecated"]),
        **({"tier": rng.choice(["Official", "Community"])} if rng.random() > 0.3 else {}),
    }
    found: Document = {
        "name": name,
        "version": version,
        "description": " ".join(["Does", *rng.choices(WORDS, k=rng.randint(0, 4))]),
        "_meta": {EXTENSION: {"io.github.stacklok": {"x": extension}}},
    }
    if rng.random() > 0.4:
        found["title"] = " ".join(rng.choices(WORDS, k=rng.randint(1, 2))).title()
    found["packages"] = [
        {"registryType": kind, "identifier": f"x-{kind}", "version": "1", "transport": {"type": "stdio"}}
        for kind in rng.sample(["npm", "pypi"], rng.randint(0, 2))
    ]
    if rng.random() > 0.5:
        found["remotes"] = [{"type": rng.choice(["sse", "streamable-http"]), "url": "https://x.example.com/mcp"}]
    return found


@dataclass(frozen=True)
class Row:
    """A name of a source, as its latest version has it."""

    source: str
    document: Document
    live: bool

    @property
    def name(self) -> str:
        return str(self.document["name"])

    def extension(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.document["_meta"][EXTENSION]["io.github.stacklok"]["x"]
        return found

    @property
    def values(self) -> dict[str, Any]:
        """What it can be filtered by, by the names that GraphQL has for it."""
        packages, remotes = self.document.get("packages", []), self.document.get("remotes", [])
        extension = self.extension()
        return {
            "name": self.name,
            "namespace": self.name.split("/")[0],
            "title": self.document.get("title"),
            "description": self.document["description"],
            "status": extension["status"].upper() if self.live else "DELETED",
            "tier": extension.get("tier"),
            "source": self.source,
            "tags": extension["tags"],
            "tools": extension["tools"],
            "registryTypes": [package["registryType"] for package in packages],
            "transports": [part["transport"]["type"] for part in packages] + [remote["type"] for remote in remotes],
        }


class History:
    """Every source's documents, state after state; what a later state lacks is deleted."""

    def __init__(self) -> None:
        self.states: dict[str, list[Sequence[Document]]] = {}

    def put(self, source: str, documents: Sequence[Document]) -> None:
        self.states.setdefault(source, []).append(documents)

    def rows(self, source: str) -> Iterator[Row]:
        last: dict[tuple[str, str], tuple[Document, bool]] = {}
        for state in self.states[source]:
            last = {key: (document, False) for key, (document, _) in last.items()}
            last |= {(document["name"], document["version"]): (document, True) for document in state}
        for name in {name for name, _ in last}:
            versions = [(live, version, found) for (own, version), (found, live) in last.items() if own == name]
            live, _, document = max(versions, key=lambda v: (v[0], v[1]))
            yield Row(source, document, live)

    def seen(self, sources: Sequence[str], *, deleted: bool) -> list[Row]:
        """One row a name, of sources in the order of a registry of which the others are invisible."""
        found: dict[str, tuple[tuple[bool, int], Row]] = {}
        for position, source in enumerate(sources):
            for row in self.rows(source):
                place = (not row.live, position)
                if row.name not in found or place < found[row.name][0]:
                    found[row.name] = (place, row)
        return [row for _, row in found.values() if row.live or deleted]


FILTERS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, wanted: value is not None and value == wanted,
    "in": lambda value, wanted: value is not None and value in wanted,
    "startsWith": lambda value, wanted: value is not None and value.startswith(wanted),
    "contains": lambda value, wanted: value is not None and wanted.lower() in value.lower(),
    "has": lambda value, wanted: wanted in value,
    "hasAny": lambda value, wanted: any(one in value for one in wanted),
    "hasAll": lambda value, wanted: all(one in value for one in wanted),
}


def holds(where: Where, row: Row) -> bool:
    values = row.values
    checks: list[bool] = []
    for field, given in where.items():
        match field:
            case "AND":
                checks.append(all(holds(part, row) for part in given))
            case "OR":
                checks.append(any(holds(part, row) for part in given))
            case "NOT":
                checks.append(not holds(given, row))
            case _:
                checks += [FILTERS[operator](values[field], wanted) for operator, wanted in given.items()]
    return all(checks)


def random_where(rng: random.Random, depth: int = 0) -> Where:
    kind = rng.random()
    if depth < 3 and kind < 0.3:
        return {rng.choice(["AND", "OR"]): [random_where(rng, depth + 1) for _ in range(rng.randint(0, 3))]}
    if depth < 3 and kind < 0.45:
        return {"NOT": random_where(rng, depth + 1)}
    field = rng.choice(["name", "namespace", "title", "description", "status", "tier", "source", "tags", "tools"])
    field = rng.choice([field, field, "registryTypes", "transports"])
    return {field: _random_operators(rng, field)}


def _random_operators(rng: random.Random, field: str) -> dict[str, Any]:
    known: dict[str, tuple[str, ...]] = {
        "name": tuple(NAMES),
        "namespace": ("com.example", "io.github.acme"),
        "title": ("Alpha", "Data Gamma", "Delta"),
        "description": ("Does", "Does data", "Does alpha beta"),
        "status": ("ACTIVE", "DEPRECATED", "DELETED"),
        "tier": ("Official", "Community", "None"),
        "source": ("a", "b", "c"),
        "tools": tuple(f"get_{word}" for word in WORDS),
        "registryTypes": ("npm", "pypi", "oci"),
        "transports": ("stdio", "sse", "streamable-http"),
    }
    values = known.get(field, WORDS)
    some = rng.sample(values, rng.randint(0, 2))
    if field in ("tags", "tools", "registryTypes", "transports"):
        return rng.choice([{"has": rng.choice(values)}, {"hasAny": some}, {"hasAll": some}])
    if field in ("status", "tier", "source"):
        return rng.choice([{"eq": rng.choice(values)}, {"in": some}])
    part = rng.choice(values)
    return rng.choice([{"eq": part}, {"in": some}, {"startsWith": part[:4]}, {"contains": part[1:4].upper()}])


def random_search(rng: random.Random) -> str | None:
    if rng.random() < 0.35:
        return None
    return " ".join(rng.choices(SEARCHED, k=rng.choice([1, 1, 2, 3])))


def tokens(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def has_word(row: Row, word: str) -> bool:
    values = row.values
    own, title = row.name.split("/")[1], values["title"] or ""
    indexed = [
        *tokens(own),
        "".join(tokens(own)),
        *tokens(title),
        "".join(tokens(title)),
        *tokens(values["description"]),
    ]
    for label in (*values["tags"], *values["tools"]):
        indexed += tokens(label)
    indexed.append(values["namespace"].split(".")[-1])
    inside = "\n".join((own, title, values["description"])).lower()
    return any(token.startswith(word) for token in indexed) or (len(word) > 2 and word in inside)


def search(rows: Sequence[Row], text: str) -> list[Row]:
    """Without corrections: nothing where no row has every word."""
    words = tokens(text)
    needed = [word for word in dict.fromkeys(words) if word not in ("mcp", "server", "servers")] or words
    return [row for row in rows if all(has_word(row, word) for word in needed) or _has_path(row, text)]


def _has_path(row: Row, text: str) -> bool:
    values = row.values
    whole = "\n".join((row.name, values["title"] or "", values["description"])).lower()
    return re.search(r"[^a-z0-9\s]", text) is not None and text in whole


def tier(row: Row, text: str) -> int:
    """What the name is to the search: the whole; its last part; it or the title begins so; 0 for anything less."""
    if row.name == text:
        return 3
    own = row.name.split("/")[1]
    if own == text:
        return 2
    words = [" ".join(tokens(called)) for called in (own, row.values["title"] or "")]
    begins = row.name.startswith(text) and not text.isalnum()
    return int(begins or any(line.startswith(" ".join(tokens(text))) for line in words))


def count_facets(rows: Sequence[Row]) -> dict[str, list[tuple[str, int]]]:
    fields = {
        "tags": "tags",
        "registryTypes": "registryTypes",
        "transports": "transports",
        "sources": "source",
        "statuses": "status",
        "tiers": "tier",
        "namespaces": "namespace",
    }
    found = {}
    for facet, field in fields.items():
        counts: Counter[str] = Counter()
        for row in rows:
            value = row.values[field]
            counts.update(set(value) if isinstance(value, list) else [value] if value else [])
        found[facet] = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return found
