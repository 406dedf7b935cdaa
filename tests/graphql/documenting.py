"""The answers that docs/graphql.md shows: asked of a catalogue with the 101 servers of a real registry.

In the text, `<!-- operation: Name -->` stands before the text of an operation of frontend-schema/operations, and
`<!-- answer: Name {variables} -->` before its answer, each followed by a code block. The blocks are written anew by
`python -m tests.graphql.documenting`; a test holds them equal to what is answered, times apart.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from app.core.database import Database
from app.core.embedded import EmbeddedPostgres
from app.core.migrations import migrate
from app.graphql.trusted import gather_documents
from app.resolvers.context import Ctx
from tests.conftest import SHARED, connect
from tests.seeding import Catalogue, document

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "graphql.md"
OPERATIONS = ROOT / "frontend-schema" / "operations"
REGISTRY = SHARED / "data/toolhive/registry-toolhive-format/toolhive-v0.6.17-embedded-registry.json"
BLOCK = re.compile(
    r"<!-- (?P<kind>operation|answer): (?P<name>\w+)(?P<variables> \{[^\n]*\})? -->"
    r"\n```\w+\n(?P<text>.*?)\n```",
    re.DOTALL,
)
WIDTH = 110
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")


async def fill(ctx: Ctx, folder: Path) -> Catalogue:
    """The real registry, a second source that has one of its names, too, and a registry to publish to."""
    catalogue = Catalogue(ctx, folder)
    catalogue.put("toolhive", json.loads(REGISTRY.read_text()), format="toolhive")
    catalogue.put("community", [document("io.github.stacklok/fetch", "0.1.0", title="Fetch, by the community")])
    catalogue.registries = {"default": ["toolhive", "community"]}
    catalogue.managed = ["team"]
    await catalogue.sync()
    return catalogue


def operations() -> dict[str, str]:
    """Every operation by its name, with the fragments it needs, as the trusted documents have it."""
    texts = gather_documents(OPERATIONS).values()
    return {re.search(r"(?:query|mutation|subscription) (\w+)", text)[1]: text for text in texts}  # type: ignore[index]


async def answer(client: httpx.AsyncClient, name: str, variables: dict[str, Any]) -> str:
    body = {"query": operations()[name], "variables": variables}
    found = (await client.post("/graphql", json=body)).json()
    return show({name: found[name] for name in ("errors", "data") if name in found})


def show(value: Any, indent: str = "") -> str:
    """JSON to be read: what fits on a line stands on one."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= WIDTH or not isinstance(value, dict | list) or not value:
        return text
    inner = indent + "  "
    if isinstance(value, list):
        parts = [show(item, inner) for item in value]
    else:
        parts = [f"{json.dumps(name)}: {show(item, inner)}" for name, item in value.items()]
    opening, closing = "[]" if isinstance(value, list) else "{}"
    return f"{opening}\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}{closing}"


async def rewrite(client: httpx.AsyncClient, page: str) -> str:
    """The page with every block as it should be."""
    texts = []
    for match in BLOCK.finditer(page):
        if match["kind"] == "operation":
            texts.append(operations()[match["name"]])
        else:
            texts.append(await answer(client, match["name"], json.loads(match["variables"] or "{}")))
    waiting = iter(texts)

    def replaced(match: re.Match[str]) -> str:
        return match[0].removesuffix(f"{match['text']}\n```") + f"{next(waiting)}\n```"

    return BLOCK.sub(replaced, page)


def without_times(page: str) -> str:
    return TIME.sub("(a time)", page)


async def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres = EmbeddedPostgres(Path(folder) / "postgres", durable=False)
        await postgres.start()
        try:
            await migrate(postgres.connect_args())
            database = Database(postgres.connect_args())
            ctx = Ctx(database)
            await fill(ctx, Path(folder))
            async with connect(ctx) as client:
                PAGE.write_text(await rewrite(client, PAGE.read_text()))
            await database.close()
        finally:
            await postgres.stop()


if __name__ == "__main__":
    sys.exit(asyncio.run(write()))
