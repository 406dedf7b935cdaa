"""The registry that bench.sync follows, as a process of its own: documents of a realistic size, some names with many
versions. `python -m bench.mirrored --versions 60000` prints the address it serves at on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.upstreams import Upstream, Version

NAMES_PER_VERSION = 18_768 / 60_000
SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
_PROSE = """
    agent archive audit billing calendar catalogue cluster commit contract customer dashboard database deploy document
    embed event export file forecast gateway graph index invoice issue kafka ledger mail map metric model network
    notebook order payment pipeline policy postgres query queue report search secret server session sheet storage
    stream support task team template test ticket token trace vector video weather webhook workflow
"""
WORDS = _PROSE.split()


def make_versions(count: int) -> list[Version]:
    """So many versions, a minute apart up to an hour ago, of a third as many names; most names have few versions."""
    rng = random.Random(60_000)  # noqa: S311  # reproducible data
    names = max(1, round(count * NAMES_PER_VERSION))
    numbers = [*range(names), *(int(names * rng.random() ** 1.5) for _ in range(count - names))]
    newest = datetime.now(UTC) - timedelta(hours=1)
    released: Counter[int] = Counter()
    versions = []
    for age, number in enumerate(numbers):
        name, version = f"io.github.org{number % 97}/server-{number}", f"1.{released[number]}.0"
        released[number] += 1
        time = newest - timedelta(minutes=count - age)
        versions.append(Version(name, version, make_document(rng, number, version), updated_at=time, published_at=time))
    versions.sort(key=lambda one: (one.name, one.version))
    return versions


def make_document(rng: random.Random, number: int, version: str) -> dict[str, Any]:
    variables = [
        {"name": f"{word.upper()}_KEY", "description": " ".join(rng.sample(WORDS, 6)), "isRequired": i == 0}
        for i, word in enumerate(rng.sample(WORDS, rng.randint(5, 7)))
    ]
    package = {
        "registryType": rng.choice(("npm", "pypi", "oci")),
        "identifier": f"org{number % 97}/server-{number}",
        "version": version,
        "transport": {"type": "stdio"},
        "environmentVariables": variables,
    }
    if package["registryType"] == "oci":
        package["identifier"] = f"ghcr.io/org{number % 97}/server-{number}:{package.pop('version')}"
    about = {"tags": rng.sample(WORDS, 5), "tools": [f"{a}_{b}" for a, b in zip(*_pairs(rng), strict=True)]}
    return {
        "$schema": SCHEMA,
        "title": f"{rng.choice(WORDS).title()} {number}",
        "description": " ".join(rng.sample(WORDS, 11))[:100],
        "repository": {"url": f"https://github.com/org{number % 97}/server-{number}", "source": "github"},
        "packages": [package],
        "_meta": {"io.modelcontextprotocol.registry/publisher-provided": {"com.example": {"about": about}}},
    }


def _pairs(rng: random.Random) -> tuple[list[str], list[str]]:
    return rng.sample(WORDS, 6), rng.sample(WORDS, 6)


async def serve(count: int) -> None:
    upstream = Upstream(make_versions(count))
    async with upstream.serving() as url:
        sys.stdout.write(f"{url}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serve a large synthetic registry on loopback.")
    parser.add_argument("--versions", type=int, default=60_000)
    asyncio.run(serve(parser.parse_args().versions))
