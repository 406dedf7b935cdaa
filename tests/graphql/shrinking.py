"""Sources that shrank by so much that their last run is held."""

from __future__ import annotations

from pathlib import Path

from app.resolvers.context import Ctx
from tests.seeding import document, seed

GUARDED = {"syncPolicy": {"interval": "1h", "maxRemovalPercent": 40}}


async def seed_held(ctx: Ctx, folder: Path, *names: str) -> None:
    """Sources of the servers a/b00 to a/b11, whose second run would have left the first two."""
    documents = [document(f"a/b{number:02}") for number in range(12)]
    catalogue = await seed(ctx, folder, dict.fromkeys(names, documents))
    for name in names:
        catalogue.put(name, documents[:2], **GUARDED)
    await catalogue.sync()
