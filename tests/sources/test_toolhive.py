"""The ToolHive format in both directions, against ToolHive's own fixtures and its real registry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

from app.models.documents import check_server
from app.sources.formats import read_snapshot
from app.sources.toolhive import (
    image_to_server,
    read_entries,
    remote_to_server,
    server_to_image,
    server_to_remote,
    to_toolhive,
    to_upstream,
)
from tests.sources.samples import (
    JSON_VALUES,
    PUBLISHER_PROVIDED,
    Json,
    extended,
    find_data,
    image_entry,
    package,
    read_data,
    remote_entry,
    server,
    toolhive,
    upstream,
)

FIXTURES = "toolhive/converter-fixtures/toolhive-v0.6.17"
REAL = "toolhive/registry-toolhive-format/toolhive-v0.6.17-embedded-registry.json"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REMOTE = {"type": "sse", "url": "https://acme.example/mcp"}


def fixture(direction: str, name: str) -> tuple[Json, Json]:
    read = [read_data(f"{FIXTURES}/{direction}/{side}_{name}.json") for side in ("input", "expected")]
    return read[0], read[1]


def read_all(file: bytes) -> list[Json]:
    return [orjson.loads(document.text) for document in read_snapshot(file, None).documents]


def read_one(entry: Json, section: str = "servers", key: str = "db") -> Json:
    file = orjson.dumps({"servers": {}, section: {key: entry}})
    snapshot = read_snapshot(file, None)
    assert snapshot.rejections == ()
    document: Json = orjson.loads(snapshot.documents[0].text)
    return document


def extension_of(document: Json) -> Any:
    [extension] = document["_meta"][PUBLISHER_PROVIDED]["io.github.stacklok"].values()
    return extension


def test_fixture_image_becomes_the_expected_server() -> None:
    entry, expected = fixture("image_to_server", "github")
    assert image_to_server("github", entry) == expected


def test_fixture_remote_becomes_the_expected_server() -> None:
    entry, expected = fixture("remote_to_server", "example")
    assert remote_to_server("example-remote", entry) == expected


def test_fixture_server_becomes_the_expected_image() -> None:
    document, expected = fixture("server_to_image", "github")
    assert server_to_image(document) == expected


def test_fixture_server_becomes_the_expected_remote() -> None:
    document, expected = fixture("server_to_remote", "example")
    assert server_to_remote(document) == expected


def test_real_registry_is_converted_like_the_golden_file() -> None:
    golden = read_data("toolhive/derived/toolhive-v0.6.17-converted-101-servers.json")["data"]["servers"]
    documents = read_all(find_data(REAL).read_bytes())
    assert len(documents) == 101
    assert documents == sorted(golden, key=lambda document: document["name"])


def test_real_registry_survives_the_round_trip() -> None:
    documents = read_all(find_data(REAL).read_bytes())
    written = to_toolhive(documents, NOW)
    assert written.skipped == ()
    assert read_all(orjson.dumps(written.file)) == documents
    assert read_all(orjson.dumps(to_upstream(documents, NOW))) == documents


def test_written_file_keeps_every_field_that_server_json_can_carry() -> None:
    real = read_data(REAL)
    written = to_toolhive(read_all(find_data(REAL).read_bytes()), NOW).file
    for section in ("servers", "remote_servers"):
        assert list(written[section]) == sorted(real[section])
        for key, entry in real[section].items():
            lost = {"custom_metadata", *({"target_port"} if entry["transport"] == "stdio" else ())}
            assert written[section][key] == {k: v for k, v in entry.items() if k not in lost}


@pytest.mark.parametrize("kind", ["toolhive", "upstream"])
def test_written_file_keeps_its_published_schema(kind: str) -> None:
    documents = read_all(find_data(REAL).read_bytes())
    file = to_toolhive(documents, NOW).file if kind == "toolhive" else to_upstream(documents, NOW)
    name = "toolhive-legacy-registry" if kind == "toolhive" else "upstream-registry"
    schema = read_data(f"toolhive/schemas/toolhive-v0.6.17/{name}.schema.json")
    if kind == "upstream":  # it refers to the schema of server.json by address; that one is held elsewhere
        schema["properties"]["data"]["properties"] = {"servers": {"type": "array"}}
    assert list(Draft7Validator(schema, format_checker=FormatChecker()).iter_errors(file)) == []


@pytest.mark.parametrize(
    ("key", "name", "expected", "title"),
    [
        ("db", None, "io.github.stacklok/db", None),
        ("db", "", "io.github.stacklok/db", None),
        ("com.acme/db", None, "com.acme/db", None),
        ("db", "com.acme/db2", "com.acme/db2", "com.acme/db2"),
        ("db", "db2", "io.github.stacklok/db2", "db2"),
    ],
)
def test_name_comes_from_the_entry_or_its_key(key: str, name: str | None, expected: str, title: str | None) -> None:
    found = read_one(image_entry(name=name), key=key)
    assert (found["name"], found.get("title")) == (expected, title)


@pytest.mark.parametrize(
    ("changes", "transport"),
    [
        ({}, {"type": "stdio"}),
        ({"transport": None}, {"type": "stdio"}),
        ({"transport": ""}, {"type": "stdio"}),
        ({"transport": "stdio", "target_port": 8080}, {"type": "stdio"}),
        ({"transport": "sse", "target_port": 8080}, {"type": "sse", "url": "http://localhost:8080"}),
        ({"transport": "streamable-http"}, {"type": "streamable-http", "url": "http://localhost"}),
        ({"transport": "sse", "target_port": -1}, {"type": "sse", "url": "http://localhost"}),
    ],
)
def test_transport_of_an_image_follows_type_and_port(changes: Json, transport: Json) -> None:
    assert read_one(image_entry(**changes))["packages"][0]["transport"] == transport


def test_variables_keep_order_and_defaults_and_lose_what_is_false() -> None:
    variables = [
        {"name": "B", "description": "second", "required": True, "secret": True, "default": "x"},
        {"name": "A", "description": "", "required": False, "secret": False, "default": ""},
    ]
    assert read_one(image_entry(env_vars=variables))["packages"][0]["environmentVariables"] == [
        {"name": "B", "description": "second", "isRequired": True, "isSecret": True, "default": "x"},
        {"name": "A"},
    ]


def test_headers_lose_defaults_and_choices() -> None:
    header = {"name": "H", "description": "text", "required": True, "default": "x", "choices": ["x"]}
    found = read_one(remote_entry(headers=[header]), "remote_servers")
    assert found["remotes"][0]["headers"] == [{"name": "H", "description": "text", "isRequired": True}]


def test_extension_of_an_image_has_what_server_json_lacks() -> None:
    entry = image_entry(
        tier="Official",
        tools=["a"],
        tags=["b"],
        args=["c"],
        metadata={"stars": 1},
        permissions={"read": ["/x"]},
        provenance={"sigstore_url": "x.example"},
        docker_tags=["1"],
        custom_metadata={"x": 1},
    )
    assert extension_of(read_one(entry)) == {
        "status": "active",
        "tools": ["a"],
        "tier": "Official",
        "tags": ["b"],
        "metadata": {"stars": 1, "pulls": 0, "last_updated": ""},
        "permissions": {"read": ["/x"]},
        "args": ["c"],
        "provenance": {"sigstore_url": "x.example"},
    }


def test_extension_of_a_remote_has_its_login_but_nothing_of_containers() -> None:
    entry = remote_entry(status="Deprecated", oauth_config={"scopes": ["x"]}, permissions={}, args=["x"], tools=[])
    found = read_one(entry, "remote_servers")
    assert extension_of(found) == {"status": "Deprecated", "oauth_config": {"scopes": ["x"]}}


def test_description_beyond_the_limit_is_kept_in_full_and_written_back() -> None:
    entry = image_entry(description="Reads databases. " * 20)
    found = read_one(entry, key="database")
    assert len(found["description"]) <= 100
    assert to_toolhive([found], NOW).file["servers"]["database"]["description"] == entry["description"]


@pytest.mark.parametrize(
    ("section", "entry", "reason"),
    [
        ("servers", image_entry(image=None), "servers.db.image: is required"),
        ("servers", image_entry(image=""), "servers.db.image: is required"),
        ("servers", image_entry(image=1), "servers.db.image: must be a string"),
        ("servers", image_entry(description=None), "servers.db.description: is required"),
        ("servers", image_entry(transport="http"), "servers.db.transport: must be 'stdio', 'sse' or 'streamable-http'"),
        ("servers", image_entry(tools="x"), "servers.db.tools: must be an array"),
        ("servers", image_entry(tags=["x", 1]), "servers.db.tags[1]: must be a string"),
        ("servers", image_entry(target_port="80"), "servers.db.target_port: must be a whole number"),
        ("servers", image_entry(env_vars=[{"description": "x"}]), "servers.db.env_vars[0].name: is required"),
        ("servers", image_entry(metadata={"stars": "many"}), "servers.db.metadata.stars: must be a whole number"),
        ("servers", image_entry(repository_url="x"), "servers.db.repository_url: must be an absolute URI such as"),
        ("servers", "x", "servers.db: must be an object"),
        ("remote_servers", remote_entry(url=None), "remote_servers.db.url: is required"),
        ("remote_servers", remote_entry(url="x"), "remote_servers.db.url: must be a URL that starts with"),
        ("remote_servers", remote_entry(transport="stdio"), "remote_servers.db.transport: must be 'sse' or 'stream"),
    ],
)
def test_bad_entry_is_rejected_alone_with_its_path(section: str, entry: Any, reason: str) -> None:
    sections = {"servers": {"good": image_entry()}, "remote_servers": {}}
    sections[section]["db"] = entry
    snapshot = read_snapshot(orjson.dumps(sections), None)
    assert [document.name for document in snapshot.documents] == ["io.github.stacklok/good"]
    [rejection] = snapshot.rejections
    assert rejection.name == "io.github.stacklok/db"
    assert rejection.reason.startswith(reason)
    assert ";" not in rejection.reason


def test_key_that_makes_no_name_is_rejected_alone() -> None:
    snapshot = read_snapshot(toolhive({"a b": image_entry(), "good": image_entry()}), None)
    assert [document.name for document in snapshot.documents] == ["io.github.stacklok/good"]
    assert snapshot.rejections[0].reason.startswith('servers["a b"]: converted to server.json, name: must be')


@settings(deadline=None)
@given(
    entry=JSON_VALUES | st.builds(lambda d: image_entry(**d), st.dictionaries(st.text(), JSON_VALUES)), key=st.text()
)
def test_any_entry_becomes_a_candidate(entry: Any, key: str) -> None:
    assert len(read_entries({"servers": {key: entry}, "remote_servers": {key: entry}})) == 2


@pytest.mark.parametrize(
    ("changes", "image"),
    [
        ({"identifier": "ghcr.io/acme/db:1"}, "ghcr.io/acme/db:1"),
        ({"identifier": "ghcr.io/acme/db:1", "version": "2"}, "ghcr.io/acme/db:1"),
        ({"identifier": "ghcr.io/acme/db", "version": "2"}, "ghcr.io/acme/db:2"),
        ({"identifier": "localhost:5000/db", "version": "2"}, "localhost:5000/db:2"),
        ({"identifier": "acme/db@sha256:0", "version": "2"}, "acme/db@sha256:0"),
        ({"identifier": "acme/db", "registryBaseUrl": "https://docker.io"}, "acme/db"),
        ({"identifier": "acme/db", "registryBaseUrl": "https://ghcr.io", "version": "2"}, "ghcr.io/acme/db:2"),
        ({"identifier": "quay.io/acme/db", "registryBaseUrl": "https://ghcr.io"}, "quay.io/acme/db"),
    ],
)
def test_image_reference_is_put_together(changes: Json, image: str) -> None:
    assert server_to_image(server(packages=[package(registryType="oci", **changes)]))["image"] == image


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://localhost:8080/mcp", 8080), ("http://localhost", None), ("http://localhost:{port}", None)],
)
def test_port_is_read_from_the_transport(url: str, port: int | None) -> None:
    transport = {"type": "sse", "url": url}
    entry = server_to_image(server(packages=[package(), package(registryType="oci", transport=transport)]))
    assert entry.get("target_port") == port


def test_header_keeps_default_and_choices_on_the_way_back() -> None:
    header = {"name": "H", "isSecret": True, "default": "a", "choices": ["a", "b"]}
    entry = server_to_remote(server(remotes=[{**REMOTE, "headers": [header]}]))
    expected = {
        "name": "H",
        "description": "",
        "required": False,
        "secret": True,
        "default": "a",
        "choices": ["a", "b"],
    }
    assert entry["headers"] == [expected]


@pytest.mark.parametrize("convert", [server_to_image, server_to_remote])
def test_document_without_the_needed_part_is_refused(convert: Any) -> None:
    with pytest.raises(ValueError, match="the document has no"):
        convert(server(packages=[package()]))


def test_extension_that_is_no_object_is_skipped_on_the_way_back() -> None:
    metas: list[Json] = [{PUBLISHER_PROVIDED: {"io.github.stacklok": "x"}}, extended(), {PUBLISHER_PROVIDED: {}}]
    for meta in metas:
        assert server_to_remote(server(remotes=[REMOTE], _meta=meta))["status"] == "Active"


def test_document_goes_to_the_section_of_what_it_has() -> None:
    image, remote, both, neither = (server(name=f"ab/{name}") for name in ("image", "remote", "both", "neither"))
    image |= {"packages": [package(registryType="oci")]}
    remote |= {"packages": [package()], "remotes": [REMOTE]}
    both |= {**image, "name": "ab/both", "remotes": [REMOTE]}
    written = to_toolhive([neither, remote, image, both], NOW)
    assert list(written.file["servers"]) == ["both", "image"]
    assert list(written.file["remote_servers"]) == ["remote"]
    [skipped] = written.skipped
    assert skipped.reason == "ab/neither 1.0.0: it has neither an OCI package nor a remote"


def test_only_the_newest_version_is_written() -> None:
    versions = [server(version=version, title=version, remotes=[REMOTE]) for version in ("1.9.0", "1.10.0", "abc")]
    versions[1]["description"] = "The newest"
    written = to_toolhive(versions, NOW)
    assert [skipped.version for skipped in written.skipped] == ["1.9.0", "abc"]
    [entry] = written.file["remote_servers"].values()
    assert entry["description"] == "The newest"


def test_keys_are_unique_and_implied_ones_go_first() -> None:
    names = ["ab/db1", "cd/db1", "io.github.stacklok/db1", "ef/x", "ab/My_Db"]
    remotes = to_toolhive([server(name=name, remotes=[REMOTE]) for name in names], NOW).file["remote_servers"]
    assert {key: entry.get("name") for key, entry in remotes.items()} == {
        "db1": None,
        "ab-db1": "ab/db1",
        "cd-db1": "cd/db1",
        "ef-x": "ef/x",
        "my-db": "ab/My_Db",
    }


def test_written_documents_are_good_again() -> None:
    documents = [server(name=name, remotes=[REMOTE]) for name in ("ab/db1", "io.github.stacklok/db1")]
    for document in read_all(orjson.dumps(to_toolhive(documents, NOW).file)):
        assert check_server(document) == ()
        assert document["name"] in ("ab/db1", "io.github.stacklok/db1")


def test_time_is_written_in_universal_time() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=2)))
    assert to_upstream([], elsewhere)["meta"] == {"last_updated": "2026-01-02T03:04:05Z"}
    assert to_toolhive([], elsewhere).file["last_updated"] == "2026-01-02T03:04:05Z"


def test_upstream_file_holds_the_documents_as_they_are() -> None:
    documents = [server(), server(version="2")]
    assert read_all(orjson.dumps(to_upstream(documents, NOW))) == documents == read_all(upstream(*documents))
