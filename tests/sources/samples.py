"""Documents and files that the tests of reading share: small ones made here, real ones from the reference data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

Json = dict[str, Any]

DATA = Path(__file__).parents[3] / "shared" / "data"
PUBLISHER_PROVIDED = "io.modelcontextprotocol.registry/publisher-provided"

REGISTRY_FILES = (
    "toolhive/registry-toolhive-format/toolhive-v0.6.17-embedded-registry.json",
    "toolhive/registry-toolhive-format/example-12-servers.json",
    "toolhive/registry-upstream-format/example-049-12-servers.json",
    "toolhive/registry-upstream-format/example-head-12-servers.json",
    "mcp/seed-2025-10.json",
)

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(alphabet="\0\ud800\udfff/{}a")
JSON_VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def server(**changes: Any) -> Json:
    """The smallest good server.json, with changes."""
    return {"name": "io.github.acme/db", "description": "Reads a database", "version": "1.0.0", **changes}


def package(**changes: Any) -> Json:
    return {"registryType": "npm", "identifier": "@acme/db", "transport": {"type": "stdio"}, **changes}


def image_entry(**changes: Any) -> Json:
    """The smallest good image server of a ToolHive file, with changes."""
    return {"description": "Reads a database", "image": "ghcr.io/acme/db:1", "transport": "stdio", **changes}


def remote_entry(**changes: Any) -> Json:
    return {"description": "Reads a database", "url": "https://acme.example/mcp", "transport": "sse", **changes}


def upstream(*servers: Any) -> bytes:
    """An upstream registry file; lone surrogates are written as escapes."""
    return _dump({"version": "1.0.0", "meta": {"last_updated": "2026-01-02T03:04:05Z"}, "data": {"servers": servers}})


def toolhive(servers: Json, remote_servers: Json | None = None) -> bytes:
    file: Json = {"version": "1.0.0", "last_updated": "2026-01-02T03:04:05Z", "servers": servers}
    return _dump(file if remote_servers is None else {**file, "remote_servers": remote_servers})


def extended(**extension: Any) -> Json:
    """A `_meta` with ToolHive's extension on one identifier."""
    return {PUBLISHER_PROVIDED: {"io.github.stacklok": {"ghcr.io/acme/db:1": extension}}}


def find_data(path: str) -> Path:
    """A file of the reference data; skips the test where there is none."""
    found = DATA / path
    if not found.exists():
        pytest.skip(f"the reference data is not beside the project: ../shared/data/{path}")
    return found


def read_data(path: str) -> Any:
    return orjson.loads(find_data(path).read_bytes())


def registry_file(path: str) -> bytes:
    """The bytes of a registry file of the reference data; the seed, a bare array, is wrapped first."""
    data = find_data(path).read_bytes()
    return upstream(*orjson.loads(data)) if path.startswith("mcp/seed") else data


def real_documents(folder: str) -> Iterator[tuple[str, Json]]:
    for path in sorted(find_data(folder).glob("*.json")):
        yield path.name, orjson.loads(path.read_bytes())


@cache
def schema_validator() -> Draft7Validator:
    """The published schema of server.json, formats checked."""
    return Draft7Validator(read_data("mcp/server.schema.2025-12-11.json"), format_checker=FormatChecker())


def _dump(value: Any) -> bytes:
    return json.dumps(value).encode()
