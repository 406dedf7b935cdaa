"""Registry files as a whole: which are refused, what one bad document costs, and the real ones."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.sources.formats import read_snapshot
from tests.sources.samples import (
    REGISTRY_FILES,
    image_entry,
    read_data,
    registry_file,
    remote_entry,
    schema_validator,
    server,
    toolhive,
    upstream,
)

UPSTREAM, TOOLHIVE = SourceFormat.UPSTREAM, SourceFormat.TOOLHIVE


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([server()], "the file is a bare array; for an array of server.json documents write"),
        ("x", "the file must hold a JSON object"),
        (None, "the file must hold a JSON object"),
        ({}, "the file has neither the upstream format"),
        ({"tools": []}, "the file has neither the upstream format"),
        (server(), "the file is a single server.json; put it into an array"),
        ({"servers": [{"server": server(), "_meta": {}}], "metadata": {}}, "the file is a list response of the MCP"),
        ({"servers": [server()]}, "the file has an array under servers, at the top; in the upstream format it stands"),
        ({"data": {}}, "data.servers is missing"),
        ({"data": {"servers": {}}}, "data.servers must be an array"),
        ({"data": {"servers": None}}, "data.servers must be an array"),
        ({"data": []}, "data.servers must be an array"),
        ({"servers": "x"}, "servers must be an object with one entry for each server"),
        ({"servers": {}, "remote_servers": []}, "remote_servers must be an object with one entry for each server"),
    ],
)
def test_file_of_another_shape_is_refused_with_the_fix(value: Any, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        read_snapshot(orjson.dumps(value), None)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"data": {"servers": []}}, UPSTREAM),
        ({"servers": {}}, TOOLHIVE),
        ({"remote_servers": {}}, TOOLHIVE),
        ({"servers": {}, "remote_servers": {}}, TOOLHIVE),
    ],
)
def test_file_without_servers_is_an_empty_snapshot(value: Any, found: SourceFormat) -> None:
    snapshot = read_snapshot(orjson.dumps(value), None)
    assert (snapshot.documents, snapshot.rejections, snapshot.fetched, snapshot.format) == ((), (), 0, found)
    assert not snapshot.partial, "it tells that all are gone, not that nothing is new"


@pytest.mark.parametrize(
    ("data", "given", "shape", "found"),
    [
        (upstream(server()), TOOLHIVE, "upstream format", "upstream"),
        (toolhive({"db": image_entry()}), UPSTREAM, "ToolHive format", "toolhive"),
    ],
)
def test_file_of_the_other_format_is_refused_naming_both(
    data: bytes, given: SourceFormat, shape: str, found: str
) -> None:
    with pytest.raises(SourceError) as caught:
        read_snapshot(data, given)
    assert shape in str(caught.value)
    assert f"but format: {given} is configured; set format: {found}" in str(caught.value)


@pytest.mark.parametrize("given", [None, UPSTREAM])
def test_upstream_file_is_read_in_its_order(given: SourceFormat | None) -> None:
    data = upstream(server(name="ab/zz"), server(name="ab/aa"), server(name="ab/zz", version="2"))
    snapshot = read_snapshot(data, given)
    assert [(d.name, d.version) for d in snapshot.documents] == [("ab/zz", "1.0.0"), ("ab/aa", "1.0.0"), ("ab/zz", "2")]
    assert (snapshot.fetched, snapshot.rejections, snapshot.format) == (3, (), UPSTREAM)


@pytest.mark.parametrize("given", [None, TOOLHIVE])
def test_toolhive_file_is_read_by_resulting_name(given: SourceFormat | None) -> None:
    entries = {"zeta": image_entry(), "alpha": image_entry(), "own": image_entry(name="ab/cd")}
    snapshot = read_snapshot(toolhive(entries, {"beta": remote_entry()}), given)
    namespace = "io.github.stacklok"
    expected = ["ab/cd", f"{namespace}/alpha", f"{namespace}/beta", f"{namespace}/zeta"]
    assert [d.name for d in snapshot.documents] == expected
    assert (snapshot.fetched, snapshot.rejections, snapshot.format) == (4, (), TOOLHIVE)


def test_file_without_version_meta_or_with_groups_is_read() -> None:
    value = {"data": {"servers": [server()], "groups": [{"servers": [server(name="ab/cd")]}, 1]}}
    assert [d.name for d in read_snapshot(orjson.dumps(value), None).documents] == ["io.github.acme/db"]


def test_bad_document_is_rejected_alone() -> None:
    good = server(name="ab/cd")
    data = upstream(server(name="bad"), 1, server(title="\ud800"), server(x="\0"), server(version="latest"), good)
    snapshot = read_snapshot(data, None)
    assert [d.name for d in snapshot.documents] == ["ab/cd"]
    assert snapshot.fetched == 6
    assert [(r.name, r.reason.partition(":")[0]) for r in snapshot.rejections] == [
        ("bad", "data.servers[0].name"),
        (None, "data.servers[1]"),
        ("io.github.acme/db", "data.servers[2].title"),
        ("io.github.acme/db", "data.servers[3].x"),
        ("io.github.acme/db", "data.servers[4].version"),
    ]


def test_file_of_bad_documents_only_is_an_empty_snapshot() -> None:
    snapshot = read_snapshot(upstream({}, {}), None)
    assert (snapshot.documents, snapshot.fetched, len(snapshot.rejections)) == ((), 2, 2)


def test_first_good_document_of_a_name_and_version_counts() -> None:
    first, second = server(title="first"), server(title="second")
    snapshot = read_snapshot(upstream(server(title=1), first, second, server(version="2")), None)
    assert [(d.title, d.version) for d in snapshot.documents] == [("first", "1.0.0"), (None, "2")]
    assert snapshot.rejections[1].reason == (
        "data.servers[2]: io.github.acme/db 1.0.0 is already given by data.servers[1]; the first one counts"
    )


def test_key_in_both_toolhive_sections_counts_as_image() -> None:
    snapshot = read_snapshot(toolhive({"db": image_entry()}, {"db": remote_entry()}), None)
    [document] = snapshot.documents
    assert document.registry_types == ("oci",)
    [rejection] = snapshot.rejections
    assert rejection.name == "io.github.stacklok/db"
    assert rejection.reason.startswith("remote_servers.db: io.github.stacklok/db 1.0.0 is already given by servers.db")


@pytest.mark.parametrize("path", REGISTRY_FILES)
def test_real_file_is_read_without_loss_into_documents_that_keep_the_published_schema(path: str) -> None:
    snapshot = read_snapshot(registry_file(path), None)
    assert snapshot.rejections == ()
    assert len(snapshot.documents) == snapshot.fetched >= 12
    validator = schema_validator()
    for document in snapshot.documents:
        assert [error.message for error in validator.iter_errors(orjson.loads(document.text))] == [], document.name


def test_real_seed_keeps_every_description() -> None:
    raw = {document["name"]: document["description"] for document in read_data("mcp/seed-2025-10.json")}
    snapshot = read_snapshot(registry_file("mcp/seed-2025-10.json"), None)
    assert len(snapshot.documents) == len(raw) == 358
    for document in snapshot.documents:
        full = orjson.loads(document.text).get("_meta", {}).get("dev.toolhive/full-description", document.description)
        assert full == (raw[document.name] or document.name)


def test_published_bad_example_with_floating_package_version_is_tolerated() -> None:
    [document] = read_snapshot(upstream(read_data("mcp/examples/invalid/package-version-latest.json")), None).documents
    assert '"latest"' not in document.text
