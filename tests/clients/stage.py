"""The stage that the client drivers play on: a real server over a catalogue with the cases that break clients.

One file source `catalog` in the registry `default`, one managed source `house` in the registry of that name; all of it
a second time under a path prefix.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.clients.wire import Json
from tests.seeding import document, upstream
from tests.served import serving, wait_for, write_config

SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
PUBLISHER = "io.modelcontextprotocol.registry/publisher-provided"
ROOT, DEFAULT, HOUSE = "", "/registry/default", "/registry/house"
PREFIX = "/api/mcp"
PLAIN_SERVERS = 1000
NAMESAKES = 40  # more than a page of the default size holds
SOUGHT = "org.acme.tools/weather"
PLUS_VERSION = "2025.11.13+pr147-5d1f8b0"


@contextmanager
def stage(folder: Path, documents: Sequence[Json]) -> Iterator[str]:
    """The origin of a running server that has read `documents`."""
    catalog = folder / "catalog.json"
    catalog.write_text(json.dumps(upstream(documents)))
    sources = [
        {"name": "catalog", "file": {"path": str(catalog)}, "syncPolicy": {"interval": "1h"}},
        {"name": "house", "managed": {}},
    ]
    registries = [{"name": "default", "sources": ["catalog"]}, {"name": "house", "sources": ["house"]}]
    config = write_config(folder, {}, sources=sources, registries=registries, path_prefix=PREFIX)
    with serving(config) as served:
        first = "/registry/default/v0.1/servers?limit=1"
        wait_for(lambda: served.get(first).json()["metadata"]["count"] == 1, "the first sync")
        yield f"http://127.0.0.1:{served.port}"


def catalogue() -> list[Json]:
    """More than 1,000 servers; of one name the last version is the latest."""
    return [
        *(version for number in range(PLAIN_SERVERS) for version in _plain(number)),
        *(_document(f"com.example/weather-{number:02}", packages=[_image("weather")]) for number in range(NAMESAKES)),
        _document(SOUGHT, packages=[_image("weather")]),
        _document("io.github.stacklok/fetch", packages=[_image("fetch")]),
        _document("com.example/plus", "1.0.0+build.5", packages=[_image("plus")]),
        _document("com.example/plus", PLUS_VERSION, packages=[_image("plus")]),
        _document("com.example/Cased_Name.v2", packages=[_image("cased")]),
        _document(
            "com.example/unicode", description="Übersetzt <Texte> & “Bücher” — 日本語 🚀", packages=[_image("u")]
        ),
        _document("com.example/nothing"),
        _document("com.example/two-images", packages=[_image("a"), _image("b")]),
        _rich(),
    ]


def latest(documents: Sequence[Json]) -> dict[str, Json]:
    """The latest version of each server, in the order in which registries list them."""
    last = {server["name"]: server for server in documents}
    return {name: last[name] for name in sorted(last)}


def remote_url(number: int) -> str:
    return f"https://server-{number:04}.example.com/mcp?tenant=1"


def _plain(number: int) -> list[Json]:
    """Images, npm packages and remotes in turn; every tenth server has three versions, every seventh a title."""
    more: Json = {"title": f"Server № {number}"} if number % 7 == 0 else {}
    npm = {"registryType": "npm", "identifier": f"@example/server-{number}", "version": "1.2.3", **_stdio()}
    kinds: list[Json] = [
        {"packages": [_image(f"server-{number}")]},
        {"packages": [npm]},
        {"remotes": [{"type": "streamable-http", "url": remote_url(number)}]},
    ]
    versions = ["1.0.0", "1.9.0", "1.10.0"] if number % 10 == 0 else ["1.0.0"]
    name = f"com.example/server-{number:04}"
    return [_document(name, version, **more, **kinds[number % 3]) for version in versions]


def _rich() -> Json:
    """Everything that the types of the Go clients know."""
    variables = {"tenant": {"description": "Whose", "isRequired": True, "choices": ["a", "b"], "default": "a"}}
    header = {"name": "Authorization", "value": "Bearer {token}", "variables": {"token": {"isSecret": True}}}
    environment = [{"name": "LEVEL", "format": "number", "placeholder": "1 to 5"}]
    arguments = [
        {"type": "positional", "valueHint": "path", "format": "filepath", "isRepeated": True},
        {"type": "named", "name": "--port", "value": "8080"},
    ]
    return _document(
        "com.example/rich",
        title="Rich",
        websiteUrl="https://rich.example.com/docs",
        repository={"url": "https://github.com/example/rich", "source": "github", "id": "1", "subfolder": "src"},
        icons=[{"src": "https://rich.example.com/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}],
        packages=[_image("rich") | {"packageArguments": arguments, "environmentVariables": environment}],
        remotes=[
            {"type": "sse", "url": "https://{tenant}.example.com/sse", "headers": [header], "variables": variables}
        ],
        _meta={
            PUBLISHER: {
                "github": {"name": "rich", "nameWithOwner": "example/rich", "stargazerCount": 12, "topics": ["a"]},
                "io.github.stacklok": {"ghcr.io/example/rich:1": {"tags": ["rich"], "metadata": {"stars": 1.5}}},
            }
        },
    )


def _document(name: str, version: str = "1.0.0", **more: object) -> Json:
    return {"$schema": SCHEMA, **document(name, version, **more)}


def _image(name: str) -> Json:
    return {"registryType": "oci", "identifier": f"ghcr.io/example/{name}:1", **_stdio()}


def _stdio() -> Json:
    return {"transport": {"type": "stdio"}}
