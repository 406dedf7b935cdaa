"""The states of a server that the black-box cases start from, built the public way: files, configuration, the API.

Which case is played, and what it must answer, is not here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from tests.seeding import Catalogue, document

TOOL = "com.example/test-server"
HOUSE = "/registry/managed-reg/v0.1"


@dataclass(frozen=True)
class Stage:
    ctx: Ctx
    client: httpx.AsyncClient
    folder: Path

    def catalogue(self) -> Catalogue:
        return Catalogue(self.ctx, self.folder)

    async def send(self, method: str, path: str, status: int, body: Any = None) -> None:
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code == status, answer.text

    async def publish(self, *versions: str, name: str = TOOL) -> None:
        for version in versions:
            await self.send("POST", f"{HOUSE}/publish", 201, document(name, version))


Build = Callable[[Stage], Awaitable[None]]


async def build_empty(stage: Stage) -> None:
    """FX-EMPTY: one registry, `empty-reg`, over a source without an entry."""
    catalogue = stage.catalogue()
    catalogue.managed.append("empty-reg")
    await catalogue.sync()


async def build_test_servers(stage: Stage) -> None:
    """FX-TS: `test-registry` over one source that is fetched. The reference has the versions created an hour apart."""
    await _with_servers(stage.catalogue()).sync()


async def build_managed(stage: Stage) -> None:
    """FX-MG: FX-TS and an empty managed registry, `managed-reg`."""
    catalogue = _with_servers(stage.catalogue())
    catalogue.managed.append("managed-reg")
    await catalogue.sync()


async def build_deleted(stage: Stage) -> None:
    """FX-MG after del-ok-049, and the same as publishing one version and deleting it."""
    await build_managed(stage)
    await stage.publish("1.0.0")
    await stage.send("DELETE", f"{HOUSE}/servers/com.example%2Ftest-server/versions/1.0.0", 204)


async def build_prerelease(stage: Stage) -> None:
    await build_managed(stage)
    await stage.publish("1.0.0", "1.0.0-alpha", name="com.example/s")


async def build_three_versions(stage: Stage) -> None:
    await build_managed(stage)
    await stage.publish("2.0.0", "10.0.0", "9.0.0", name="com.example/s")


async def build_large(stage: Stage) -> None:
    catalogue = stage.catalogue()
    catalogue.put("big", [document(f"com.example/s{number}") for number in range(1001)])
    catalogue.registries["big"] = ["big"]
    await catalogue.sync()


async def build_shadows(stage: Stage) -> None:
    """FX-SH: one name in three sources of the registry `shadow`."""
    catalogue = stage.catalogue()
    for name in "ABC":
        documents = [document("com.claims/the-entry", description=f"from source-{name}")]
        catalogue.put(f"source-{name.lower()}", documents)
    catalogue.registries["shadow"] = list(catalogue.sources)
    await catalogue.sync()


async def build_configured(stage: Stage) -> None:
    """FX-API: a registry of the configuration, `config-reg`, and nothing else. Nothing is fetched for it here."""
    catalogue = stage.catalogue()
    repository = {"repository": "https://git.example.org/registry.git"}
    catalogue.sources["config-reg"] = {"git": repository, "syncPolicy": {"interval": "1h"}}
    catalogue.registries["config-reg"] = ["config-reg"]
    await reconcile(stage.ctx, catalogue.settings())


async def build_created(stage: Stage) -> None:
    """FX-API after ext-put-create."""
    await build_configured(stage)
    await stage.send("PUT", "/extension/v0/registries/m1", 201, {"managed": {}})


def _with_servers(catalogue: Catalogue) -> Catalogue:
    first = [
        document(
            "com.example/test-server-1",
            version,
            title="Test Server 1",
            description="Test server 1 description",
            websiteUrl="https://example.com/server1",
            repository={
                "url": "https://github.com/test/server1",
                "source": "git",
                "id": "repo-1",
                "subfolder": "subfolder1",
            },
        )
        for version in ("1.0.0", "1.1.0", "2.0.0")
    ]
    second = document(
        "com.example/test-server-2",
        title="Test Server 2",
        description="Test server 2 description",
        repository={"url": "https://github.com/test/server2", "source": "git"},
    )
    catalogue.put("test-src", [*first, second])
    catalogue.registries["test-registry"] = ["test-src"]
    return catalogue
