"""Fills a catalogue the way an operator does: registry files, a configuration file, and the sync engine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from app.core.settings import Settings, load_settings
from app.models.kinds import SyncTrigger
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import run_next_due

Documents = Sequence[Mapping[str, Any]]

UNGUARDED = {"interval": "1h", "maxRemovalPercent": 100}
"""A sync policy under which a test may replace everything that a source holds."""


def document(name: str, version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    return {"name": name, "description": f"Does {name}", "version": version, **more}


def upstream(documents: Documents) -> dict[str, Any]:
    return {"version": "1.0.0", "meta": {"last_updated": "2026-01-01T00:00:00Z"}, "data": {"servers": list(documents)}}


def tagged(name: str, *tags: str, version: str = "1.0.0", **extension: Any) -> dict[str, Any]:
    """A document with a ToolHive extension."""
    publisher = {"io.github.stacklok": {"ghcr.io/acme/x:1": {"tags": list(tags), **extension}}}
    return document(name, version, _meta={"io.modelcontextprotocol.registry/publisher-provided": publisher})


class Catalogue:
    """Sources as files in a folder, managed ones with a registry each, and a configuration over them."""

    def __init__(self, ctx: Ctx, folder: Path) -> None:
        self.ctx = ctx
        self.folder = folder
        self.sources: dict[str, dict[str, Any]] = {}
        self.registries: dict[str, Sequence[str]] = {}
        self.managed: list[str] = []

    def file(self, source: str) -> Path:
        return self.folder / f"{source}.json"

    def put(self, source: str, content: Documents | Mapping[str, Any] | bytes, **settings: Any) -> None:
        """Write a source's file; a list of documents is wrapped in the upstream format."""
        if isinstance(content, bytes):
            self.file(source).write_bytes(content)
        else:
            whole = content if isinstance(content, Mapping) else upstream(content)
            self.file(source).write_text(json.dumps(whole))
        kept = self.sources.get(source, {"file": {"path": str(self.file(source))}, "syncPolicy": UNGUARDED})
        self.sources[source] = {**kept, **settings}

    def settings(self) -> Settings:
        config = {
            "sources": [{"name": name, **settings} for name, settings in self.sources.items()],
            "registries": [
                *({"name": name, "sources": list(names)} for name, names in self.registries.items()),
                *({"name": name, "managed": {}} for name in self.managed),
            ],
            "auth": {"mode": "anonymous"},
        }
        path = self.folder / "config.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        return load_settings(path, {})

    async def sync(self) -> None:
        """Apply the configuration and run every source once, as a start of the server does."""
        await reconcile(self.ctx, self.settings())
        while await run_next_due(self.ctx, "test", SyncTrigger.START):
            pass


async def seed(
    ctx: Ctx, folder: Path, sources: Mapping[str, Documents], registries: Mapping[str, Sequence[str]] | None = None
) -> Catalogue:
    """A synchronised catalogue; without `registries` one called `default` lists all sources."""
    catalogue = Catalogue(ctx, folder)
    for name, documents in sources.items():
        catalogue.put(name, documents)
    catalogue.registries.update(registries or {"default": list(sources)})
    await catalogue.sync()
    return catalogue
