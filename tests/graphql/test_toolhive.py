"""The typed ToolHive extension: everything that is known of it, and whatever strangers put in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from strawberry.scalars import JSON

from app.graphql.documents import Icon, Package, Repository, Transport
from app.graphql.parts import Part
from app.graphql.toolhive import ToolHive, find_toolhive
from app.resolvers.context import Ctx
from tests.conftest import NEEDS_DATA, SHARED
from tests.graphql.asking import ask
from tests.seeding import document, seed

PROVIDED = "io.modelcontextprotocol.registry/publisher-provided"
IMAGE = "ghcr.io/acme/x:1"

FULL = {
    "status": "Active",
    "tier": "Official",
    "tags": ["db"],
    "tools": ["query"],
    "tool_definitions": [
        {
            "name": "query",
            "description": "Asks",
            "inputSchema": {"type": "object"},
            "outputSchema": {"type": "string"},
            "annotations": {"title": "Query", "readOnlyHint": True},
        },
        {"description": "has no name"},
    ],
    "overview": "# X",
    "permissions": {
        "name": "network",
        "network": {"outbound": {"insecure_allow_all": True, "allow_host": [".acme.com"], "allow_port": [443]}},
        "read": ["/data"],
        "write": ["/out"],
        "privileged": True,
    },
    "provenance": {
        "sigstore_url": "tuf-repo-cdn.sigstore.dev",
        "repository_uri": "https://github.com/acme/x",
        "repository_ref": "refs/heads/main",
        "signer_identity": "/.github/workflows/build.yml",
        "runner_environment": "github-hosted",
        "cert_issuer": "https://token.actions.githubusercontent.com",
        "attestation": {"predicate_type": "https://slsa.dev/provenance/v1", "predicate": {"a": 1}},
    },
    "args": ["--path", "/data"],
    "docker_tags": ["1", "latest"],
    "env_vars": [{"name": "TOKEN", "description": "A token", "required": True, "secret": True, "default": "x"}],
    "proxy_port": 8080,
    "stateless": True,
    "oauth_config": {"issuer": "https://auth.example.com"},
    "metadata": {
        "stars": 18,
        "pulls": 5_000_000_000,
        "last_updated": "2025-12-13T02:33:32Z",
        "kubernetes": {"kind": "MCPServer"},
    },
    "custom_metadata": {"team": "x"},
}
QUERY = """{ serverVersion(name: "com.example/x") { toolhive { key status tier tags tools overview args dockerTags
  toolDefinitions { name title description inputSchema outputSchema annotations } proxyPort stateless oauthConfig
  permissions { name network { outbound { insecureAllowAll allowHost allowPort } } read write privileged }
  provenance { sigstoreUrl repositoryUri repositoryRef signerIdentity runnerEnvironment certIssuer attestation }
  environmentVariables { name description isRequired isSecret default }
  metadata { stars pulls lastUpdated kubernetes } customMetadata } } }"""


def extended(extension: Any, **more: Any) -> dict[str, Any]:
    return document("com.example/x", _meta={PROVIDED: {"io.github.stacklok": extension}}, **more)


def found(extension: Any, **more: Any) -> ToolHive | None:
    return find_toolhive(extended(extension, **more))


async def test_everything_of_the_extension_is_shown(ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"a": [extended({IMAGE: FULL})]})
    shown = (await ask(client, QUERY))["serverVersion"]["toolhive"]
    definition = {"name": "query", "title": "Query", "description": "Asks", "inputSchema": {"type": "object"}}
    outbound = {"insecureAllowAll": True, "allowHost": [".acme.com"], "allowPort": [443]}
    assert shown == {
        "key": IMAGE,
        **{name: FULL[name] for name in ("status", "tier", "tags", "tools", "overview", "args", "stateless")},
        "toolDefinitions": [
            {
                **definition,
                "outputSchema": {"type": "string"},
                "annotations": {"title": "Query", "readOnlyHint": True},
            }
        ],
        "permissions": {
            "name": "network",
            "network": {"outbound": outbound},
            "read": ["/data"],
            "write": ["/out"],
            "privileged": True,
        },
        "provenance": {
            "sigstoreUrl": "tuf-repo-cdn.sigstore.dev",
            "repositoryUri": "https://github.com/acme/x",
            "repositoryRef": "refs/heads/main",
            "signerIdentity": "/.github/workflows/build.yml",
            "runnerEnvironment": "github-hosted",
            "certIssuer": "https://token.actions.githubusercontent.com",
            "attestation": {"predicate_type": "https://slsa.dev/provenance/v1", "predicate": {"a": 1}},
        },
        "dockerTags": ["1", "latest"],
        "environmentVariables": [
            {"name": "TOKEN", "description": "A token", "isRequired": True, "isSecret": True, "default": "x"}
        ],
        "proxyPort": 8080,
        "oauthConfig": {"issuer": "https://auth.example.com"},
        "metadata": {
            "stars": 18,
            "pulls": None,
            "lastUpdated": "2025-12-13T02:33:32+00:00",
            "kubernetes": {"kind": "MCPServer"},
        },
        "customMetadata": {"team": "x"},
    }, "pulls are more than an Int holds"


@pytest.mark.parametrize("junk", [None, True, 1, -1.5, 2**40, "x", [], ["x", 1, None, {}, []], {}, {"x": "y"}])
async def test_wrongly_typed_values_are_left_out(
    ctx: Ctx, client: httpx.AsyncClient, tmp_path: Path, junk: Any
) -> None:
    """Whatever stands in whichever place: a value of the right type or none, never an error."""
    keys = [path for path in _paths(FULL) if path]
    spoilt = [_spoil(FULL, path, junk) for path in keys]
    documents = [{**extended({IMAGE: value}), "version": f"1.{i}.0"} for i, value in enumerate(spoilt)]
    outer = [extended(junk), extended({IMAGE: junk}), document("com.example/x", _meta={PROVIDED: {"io.x": junk}})]
    documents += [{**one, "version": f"2.{i}.0"} for i, one in enumerate(outer)]
    await seed(ctx, tmp_path, {"a": documents})
    page = "serverVersions(first: 30, after: $after) { pageInfo { endCursor } nodes {"
    query = QUERY.replace('{ serverVersion(name: "com.example/x") {', "query ($after: String) { " + page) + " }"
    seen, after = 0, None
    while seen < len(documents):
        answer = (await ask(client, query, after=after))["serverVersions"]
        assert answer["nodes"]
        seen, after = seen + len(answer["nodes"]), answer["pageInfo"]["endCursor"]


def _paths(value: Any) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(), *((key, *path) for key, item in items for path in _paths(item))]


def _spoil(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    spoilt = json.loads(json.dumps(value))
    place = spoilt
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = junk
    return spoilt


def test_extension_is_that_of_the_first_package_or_remote_that_has_one() -> None:
    extension = {"z": {"tier": "Z"}, "https://x.example/mcp": {"tier": "R"}, IMAGE: {"tier": "P"}, "a": "junk"}
    package = {"identifier": IMAGE, "registryType": "oci", "transport": {"type": "stdio"}}
    remote = {"type": "sse", "url": "https://x.example/mcp"}
    cases: list[tuple[dict[str, Any], str]] = [
        ({"packages": [{"identifier": "other"}, package], "remotes": [remote]}, "P"),
        ({"remotes": [remote]}, "R"),
        ({}, "Z"),
    ]
    for more, tier in cases:
        shown = found(extension, **more)
        assert shown is not None
        assert shown.tier == tier
    assert found({}) is None
    assert found({"a": "junk"}) is None
    assert find_toolhive(document("com.example/x")) is None


def test_older_metadata_of_kubernetes_is_shown_as_the_newer() -> None:
    shown = found({IMAGE: {"metadata": {"kubernetes_kind": "MCPServer", "kubernetes_uid": "u", "kubernetes_name": 1}}})
    assert shown is not None
    assert shown.metadata is not None
    assert shown.metadata.kubernetes == JSON({"kind": "MCPServer", "uid": "u"})


@pytest.mark.parametrize("junk", ["x", 5, [1], {"x": 1}, None])
def test_unknown_keys_of_a_document_do_no_harm(junk: Any) -> None:
    """The rules let pass what the schema does not name, such as the headers of a stdio transport."""
    transport = Transport.of(Part({"type": "stdio", "headers": junk, "variables": junk, "url": junk}))
    assert (transport.type, transport.headers) == ("stdio", [])
    package = Package.of(Part({"identifier": "x", "transport": junk, "packageArguments": [{"name": junk}, junk]}))
    assert package.identifier == "x"
    assert all(isinstance(one.name, str | None) for one in package.package_arguments)
    assert Repository.of(Part({"url": "u", "source": "s", "id": junk})).url == "u"
    assert Icon.of(Part({"src": "s", "sizes": junk})).src == "s"


@NEEDS_DATA
def test_real_extensions_are_read_in_full() -> None:
    folder = SHARED / "data/toolhive/derived"
    whole = json.loads((folder / "toolhive-v0.6.17-converted-101-servers.json").read_text())
    servers = [one.get("server", one) for one in _servers(whole)]
    extensions = [shown for one in servers if (shown := find_toolhive(one))]
    assert len(extensions) == len(servers) > 90
    assert all(one.tools and one.tier and one.status and one.metadata for one in extensions)
    assert all(one.metadata and one.metadata.stars is not None and one.metadata.last_updated for one in extensions)
    assert sum(1 for one in extensions if one.provenance and one.provenance.signer_identity) > 30
    assert sum(1 for one in extensions if one.permissions and one.permissions.network) > 40


def _servers(whole: Any) -> list[dict[str, Any]]:
    if isinstance(whole, list):
        return whole
    inner: list[dict[str, Any]] = whole.get("servers") or whole["data"]["servers"]
    return inner
