"""mcp-publisher against a registry with a managed source, at the root and at the registry's own base."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.publisher import Publisher, Rejected
from tests.clients.stage import DEFAULT, HOUSE, ROOT, SCHEMA, catalogue, stage
from tests.clients.thv import Thv
from tests.clients.vscode import VSCode
from tests.clients.wire import OFFICIAL, ClientError, Json

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stage(tmp_path_factory.mktemp("publisher"), catalogue()[:1]) as origin:
        yield origin


@pytest.fixture(params=[ROOT, HOUSE, HOUSE + "/"], ids=["root", "registry", "slash"])
def publisher(origin: str, request: pytest.FixtureRequest) -> Iterator[Publisher]:
    with Publisher(f"{origin}{request.param}") as opened:
        opened.login()
        yield opened


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test publishes: they share one source."""
    label = "".join(letter if letter.isalnum() else "-" for letter in request.node.name).strip("-")
    return f"com.house.example/{label}"


def written(name: str, version: str = "1.0.0", **more: object) -> Json:
    image = {"registryType": "oci", "identifier": "ghcr.io/house/tool:1", "transport": {"type": "stdio"}}
    return {"$schema": SCHEMA, "name": name, "description": "Ours", "version": version, "packages": [image], **more}


def test_registry_is_healthy(publisher: Publisher) -> None:
    assert publisher.health() == {"status": "ok"}


def test_published_server_reaches_the_readers(origin: str, publisher: Publisher, name: str) -> None:
    """The document names everything that the publisher's types know."""
    document = next(server for server in catalogue() if server["name"] == "com.example/rich") | {"name": name}
    remote = document["remotes"][0] | {"url": f"https://{{tenant}}.{name.partition('/')[2]}.example.com/sse"}
    document |= {"remotes": [remote]}
    answer = publisher.publish(document | {"unknown": 1, "title": ""})
    expected = {key: value for key, value in document.items() if key != "title"}
    assert answer["server"] == expected
    assert {key: answer["_meta"][OFFICIAL][key] for key in ("status", "isLatest")} == {
        "status": "active",
        "isLatest": True,
    }
    for base in (ROOT, HOUSE):
        with VSCode(origin + base) as editor, Thv(origin + base) as thv:
            assert editor.details([name]) == {name: expected}
            assert thv.get_server(name).target == remote["url"]
    with VSCode(origin + DEFAULT) as editor:
        assert editor.details([name]) == {name: None}


def test_same_version_again_is_refused(publisher: Publisher, name: str) -> None:
    publisher.publish(written(name))
    with pytest.raises(ClientError, match=rf"409: .*version already exists: {name}@1\.0\.0"):
        publisher.publish(written(name, title="Changed"))


def test_bad_document_is_told_with_every_issue(origin: str, publisher: Publisher, name: str) -> None:
    document = written(name, "latest", remotes=[{"type": "sse", "url": "http://ours.example.com/sse"}])
    with pytest.raises(Rejected) as refused:
        publisher.publish(document)
    errors = [issue for issue in refused.value.issues if issue["severity"] == "error"]
    assert {issue["path"] for issue in errors} == {"version", "remotes[0].url"}
    assert all(set(issue) == {"type", "path", "message", "severity", "reference"} for issue in errors)
    with VSCode(origin + HOUSE) as editor:
        assert editor.details([name]) == {name: None}


def test_registry_of_a_file_takes_nothing(origin: str, name: str) -> None:
    with Publisher(origin + DEFAULT) as publisher:
        publisher.login()
        with pytest.raises(ClientError, match=r"403: .*registry is not managed: registry default has type FILE"):
            publisher.publish(written(name))


def test_status_of_a_version_goes_there_and_back(origin: str, publisher: Publisher, name: str) -> None:
    for version in ("1.0.0+build.1", "1.1.0"):
        publisher.publish(written(name, version))
    assert publisher.set_status(name, "1.1.0", "deprecated", "use the other") == "active"
    assert publisher.set_status(name, "1.1.0", "deleted") == "deprecated"
    with VSCode(origin + HOUSE) as editor:
        assert editor.details([name]) == {name: written(name, "1.0.0+build.1")}
        assert publisher.set_status(name, "1.1.0", "active") == "deleted"
        assert editor.details([name]) == {name: written(name, "1.1.0")}
    assert publisher.set_status(name, "1.0.0+build.1", "deleted", "gone") == "active"
    with pytest.raises(ClientError, match=r"400: .*No changes to apply"):
        publisher.set_status(name, "1.0.0+build.1", "deleted", "gone")
    with pytest.raises(ClientError, match="404: "):
        publisher.set_status(name, "2.0.0", "deleted")


def test_status_of_all_versions_changes_at_once(origin: str, publisher: Publisher, name: str) -> None:
    versions = ("1.0.0", "2.0.0", "10.0.0")
    for version in versions:
        publisher.publish(written(name, version))
    publisher.set_status(name, "2.0.0", "deprecated")
    had = {"1.0.0": "active", "2.0.0": "deprecated", "10.0.0": "active"}
    assert publisher.set_all_statuses(name, "deprecated") == (had, 2)
    assert publisher.set_all_statuses(name, "deleted", "gone") == (dict.fromkeys(versions, "deprecated"), 3)
    with VSCode(origin + HOUSE) as editor:
        assert editor.details([name]) == {name: None}
    assert publisher.set_all_statuses(name, "active") == (dict.fromkeys(versions, "deleted"), 3)
    with VSCode(origin + HOUSE) as editor:
        assert editor.details([name]) == {name: written(name, "10.0.0")}
