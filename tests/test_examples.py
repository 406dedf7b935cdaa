"""The files under examples/ keep their promises: valid, the same servers in both formats, loadable, pinned.

Owns what a reader may rely on when trying the examples. What the server makes of them is tested where it happens.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from referencing import Registry, Resource

from app.core.settings import load_settings

Json = dict[str, Any]

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLES = PROJECT / "examples"
DATA = PROJECT.parent / "shared" / "data"
SCHEMAS = {
    "toolhive": DATA / "toolhive/schemas/toolhive-v0.6.17/toolhive-legacy-registry.schema.json",
    "upstream": DATA / "toolhive/schemas/toolhive-v0.6.17/upstream-registry.schema.json",
    "publisher": DATA / "toolhive/schemas/toolhive-core-v0.0.38/publisher-provided.schema.json",
    "server": DATA / "mcp/server.schema.2025-12-11.json",
}

NAMESPACE = "io.github.stacklok"
NAME = re.compile(r"^[a-zA-Z0-9][a-zA-Z0-9.-]*[a-zA-Z0-9]/[a-zA-Z0-9][a-zA-Z0-9._-]*[a-zA-Z0-9]$")
PINNED = re.compile(r"^v?\d+(\.\d+)+(-[0-9A-Za-z.-]+)?$")
PUBLISHER = "io.modelcontextprotocol.registry/publisher-provided"
ONLY_UPSTREAM = {f"{NAMESPACE}/{key}" for key in ("brave-search", "qdrant")}
ONLY_TOOLHIVE = {f"{NAMESPACE}/{key}" for key in ("arxiv-mcp-server", "sqlite")}
CONFIGS = sorted(path.name for path in EXAMPLES.glob("*.yaml"))


def read_json(path: Path) -> Json:
    value = json.loads(path.read_text(encoding="utf-8"))
    assert isinstance(value, dict)
    return value


def read_schema(name: str) -> Json:
    path = SCHEMAS[name]
    if not path.is_file():
        pytest.skip(f"the reference data is not beside the project: ../shared/data/{path.relative_to(DATA)}")
    return read_json(path)


def collect_errors(validator: Validator, document: Json) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document)]


def collect_paths(node: object) -> Iterator[str]:
    """Every `file.path` in a configuration, at whatever depth its style puts it."""
    if isinstance(node, dict):
        if isinstance(node.get("file"), dict) and "path" in node["file"]:
            yield node["file"]["path"]
        for value in node.values():
            yield from collect_paths(value)
    elif isinstance(node, list):
        for value in node:
            yield from collect_paths(value)


@pytest.fixture(scope="module")
def toolhive() -> Json:
    return read_json(EXAMPLES / "toolhive-registry.json")


@pytest.fixture(scope="module")
def upstream() -> Json:
    return read_json(EXAMPLES / "upstream-registry.json")


@pytest.fixture(scope="module")
def documents(upstream: Json) -> list[Json]:
    servers = upstream["data"]["servers"]
    assert isinstance(servers, list)
    return servers


@pytest.fixture(scope="module")
def toolhive_names(toolhive: Json) -> list[str]:
    return [f"{NAMESPACE}/{key}" for group in ("servers", "remote_servers") for key in toolhive[group]]


def test_toolhive_file_is_valid(toolhive: Json) -> None:
    validator = Draft7Validator(read_schema("toolhive"), format_checker=FormatChecker())
    assert collect_errors(validator, toolhive) == []


def test_upstream_file_is_valid(upstream: Json) -> None:
    server = read_schema("server")
    # The registry schema points to the server schema by its public address; nothing may be downloaded here.
    registry: Registry[Any] = Registry().with_resource(server["$id"], Resource.from_contents(server))
    validator = Draft202012Validator(read_schema("upstream"), registry=registry, format_checker=FormatChecker())
    assert collect_errors(validator, upstream) == []


def test_each_upstream_server_is_valid(documents: list[Json]) -> None:
    validator = Draft7Validator(read_schema("server"), format_checker=FormatChecker())
    assert {d["name"]: errors for d in documents if (errors := collect_errors(validator, d))} == {}


def test_publisher_extensions_are_valid(documents: list[Json]) -> None:
    validator = Draft202012Validator(read_schema("publisher"), format_checker=FormatChecker())
    found = {d["name"]: collect_errors(validator, d["_meta"][PUBLISHER]) for d in documents}
    assert {name: errors for name, errors in found.items() if errors} == {}


def test_both_files_hold_enough_servers(toolhive_names: list[str], documents: list[Json]) -> None:
    assert len(toolhive_names) >= 24
    assert len({d["name"] for d in documents}) >= 24


def test_names_are_the_same_but_for_the_named_exceptions(toolhive_names: list[str], documents: list[Json]) -> None:
    names = {d["name"] for d in documents}
    assert len(set(toolhive_names)) == len(toolhive_names), "a key stands in both groups"
    assert names - set(toolhive_names) == ONLY_UPSTREAM
    assert set(toolhive_names) - names == ONLY_TOOLHIVE


def test_names_and_descriptions_keep_to_the_rules(toolhive: Json, documents: list[Json]) -> None:
    assert [d["name"] for d in documents if not NAME.match(d["name"])] == []
    entries = [*toolhive["servers"].values(), *toolhive["remote_servers"].values(), *documents]
    assert [d["description"] for d in entries if not 10 <= len(d["description"]) <= 100] == []


def test_versions_are_unique_and_pinned(toolhive: Json, documents: list[Json]) -> None:
    keys = [(d["name"], d["version"]) for d in documents]
    assert len(set(keys)) == len(keys)
    packages = [package for d in documents for package in d.get("packages", ())]
    images = [package["identifier"] for package in packages if package["registryType"] == "oci"]
    images += [server["image"] for server in toolhive["servers"].values()]
    versions = [d["version"] for d in documents]
    versions += [package["version"] for package in packages if package["registryType"] != "oci"]
    versions += [image.rpartition(":")[2] for image in images]
    assert [version for version in versions if not PINNED.match(version)] == []


def test_no_package_names_a_registry_host(documents: list[Json]) -> None:
    assert [d["name"] for d in documents for package in d.get("packages", ()) if "registryBaseUrl" in package] == []


def test_history_shows_versions_a_prerelease_and_a_deprecation(documents: list[Json]) -> None:
    versions = defaultdict(list)
    for document in documents:
        versions[document["name"]].append(document["version"])
    assert sum(len(found) > 1 for found in versions.values()) >= 3
    assert [name for name, found in versions.items() if any("-" in version for version in found)] == [
        f"{NAMESPACE}/playwright"
    ]
    deprecated = [
        document["name"]
        for document in documents
        for extension in document["_meta"][PUBLISHER][NAMESPACE].values()
        if extension["status"] == "Deprecated"
    ]
    assert deprecated == [f"{NAMESPACE}/elasticsearch"]


def test_upstream_file_shows_every_way_to_run_a_server(documents: list[Json]) -> None:
    packages = [package for d in documents for package in d.get("packages", ())]
    remotes = [remote for d in documents for remote in d.get("remotes", ())]
    assert {package["registryType"] for package in packages} == {"npm", "pypi", "oci"}
    assert {package["transport"]["type"] for package in packages} == {"stdio", "streamable-http", "sse"}
    assert {remote["type"] for remote in remotes} == {"streamable-http", "sse"}


@pytest.mark.parametrize("name", CONFIGS)
def test_config_loads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PROJECT)
    settings = load_settings(Path("examples") / name, {})
    assert settings.registries


def test_configs_name_files_that_exist() -> None:
    configs = [yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8")) for name in CONFIGS]
    paths = [path for config in configs for path in collect_paths(config)]
    assert len(paths) >= 3
    assert [path for path in paths if not (PROJECT / path).is_file()] == []


def test_readme_names_every_example() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    files = [path.name for path in EXAMPLES.iterdir() if path.is_file() and path.name != "README.md"]
    assert len(files) >= 5
    assert [name for name in files if f"`{name}`" not in readme] == []
