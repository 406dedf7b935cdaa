"""The real clients of a registry, each played by a driver, read a catalogue of more than 1,000 servers.

The server is one process for the whole module; these tests only read.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.clients.copilot import Copilot
from tests.clients.stage import (
    DEFAULT,
    PLAIN_SERVERS,
    PLUS_VERSION,
    PREFIX,
    ROOT,
    SOUGHT,
    catalogue,
    latest,
    remote_url,
    stage,
)
from tests.clients.thv import Runnable, Thv
from tests.clients.toolhive_server import ToolHiveServer
from tests.clients.vscode import VSCode
from tests.clients.wire import ClientError

pytestmark = pytest.mark.process

DOCUMENTS = catalogue()
LATEST = latest(DOCUMENTS)
in_every_base = pytest.mark.parametrize("base", [ROOT, DEFAULT], ids=["root", "registry"])
under_a_prefix_too = pytest.mark.parametrize(
    "base", [ROOT, DEFAULT, PREFIX, PREFIX + DEFAULT], ids=["root", "registry", "prefix", "prefix-registry"]
)
with_and_without_slash = pytest.mark.parametrize("slash", ["", "/"], ids=["bare", "slash"])


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with stage(tmp_path_factory.mktemp("clients"), DOCUMENTS) as origin:
        yield origin


def test_stage_is_what_the_tests_need() -> None:
    assert len(LATEST) > 1000
    assert len(DOCUMENTS) == len(LATEST) + 2 * PLAIN_SERVERS // 10 + 1


@under_a_prefix_too
@with_and_without_slash
def test_vscode_shows_the_whole_gallery(origin: str, base: str, slash: str) -> None:
    with VSCode(origin + base + slash) as editor:
        assert editor.probe() == "v0.1"
        assert editor.query() == list(LATEST.values())
        assert editor.requests == 1 + -(-len(LATEST) // 50)


@under_a_prefix_too
def test_vscode_scrolls_through_what_it_searched_for(origin: str, base: str) -> None:
    """The cursor alone carries the search over three pages."""
    with VSCode(origin + base) as editor:
        for text in ("server-01", "  SERVER-01 "):
            found = editor.query(text)
            assert found == [LATEST[f"com.example/server-{number:04}"] for number in range(100, 200)]
        assert editor.requests == 4
        assert [server["name"] for server in editor.query("№ 7")] == [
            f"com.example/server-{number:04}" for number in (7, *range(70, 80), *range(700, 800)) if number % 7 == 0
        ]
        assert editor.query("100% & <nothing>?") == []


@under_a_prefix_too
def test_vscode_knows_its_installed_servers(origin: str, base: str) -> None:
    installed = {name: server for name, server in LATEST.items() if not name.endswith(tuple("1234678"))}
    absent = ["com.example/absent", "com.example/SERVER-0001"]
    with VSCode(origin + base) as editor:
        found = editor.details([*installed, *absent])
        assert editor.requests == len(installed) + 2
    assert found == {**installed, **dict.fromkeys(absent)}


@under_a_prefix_too
def test_vscode_starts_only_what_the_registry_lists(origin: str, base: str) -> None:
    with VSCode(origin + base) as editor:
        assert editor.may_start("com.example/server-0002", remote_url(2))
        assert not editor.may_start("com.example/server-0002", "https://elsewhere.example.com/mcp")
        assert not editor.may_start("com.example/server-0002", remote_url(2).rstrip("1"))
        assert editor.may_start("com.example/Cased_Name.v2")
        assert not editor.may_start("com.example/cased_name.v2")


@in_every_base
def test_copilot_allows_exact_names_and_versions(origin: str, base: str) -> None:
    configured = {
        "com.example/server-0001": ("1.0.0", True),
        "com.example/server-0010": ("1.9.0", True),
        "com.example/plus": (PLUS_VERSION, True),
        "com.example/Cased_Name.v2": ("1.0.0", True),
        "com.example/server-0002": ("9.9.9", False),
        "com.example/cased_name.v2": ("1.0.0", False),
        "com.example/server-00": ("1.0.0", False),
    }
    with Copilot(origin + base) as copilot:
        found = copilot.allowed({name: version for name, (version, _) in configured.items()})
    assert found == {name: expected for name, (_, expected) in configured.items()}


@in_every_base
def test_copilot_finds_servers_without_a_version_in_the_path(origin: str, base: str) -> None:
    first = sorted((server["name"], server["version"]) for server in DOCUMENTS)[:30]
    with Copilot(origin + base) as copilot:
        assert copilot.search_from_command_line() == [name for name, _ in first]


@pytest.mark.parametrize("base", [ROOT + "/", DEFAULT])
def test_thv_starts_with_a_walk_over_every_server(origin: str, base: str) -> None:
    with Thv(origin + base) as thv:
        assert thv.start() == len(LATEST)
        assert thv.requests == len(LATEST)


@in_every_base
def test_thv_lists_what_it_can_run(origin: str, base: str) -> None:
    with Thv(origin + base) as thv:
        found = {server.name: server for server in thv.list_servers()}
        assert thv.requests == -(-len(LATEST) // 100)
    npm_only = [f"com.example/server-{number:04}" for number in range(1, PLAIN_SERVERS, 3)]
    assert list(found) == [
        name for name in LATEST if name not in (*npm_only, "com.example/nothing", "com.example/two-images")
    ]
    for name, remote, target in (
        ("com.example/server-0000", False, "ghcr.io/example/server-0:1"),
        ("com.example/server-0002", True, remote_url(2)),
        ("com.example/rich", True, "https://{tenant}.example.com/sse"),
    ):
        assert found[name] == Runnable(name, remote, target)


@in_every_base
@pytest.mark.parametrize(
    ("given", "found", "requests"),
    [
        ("fetch", "io.github.stacklok/fetch", 1),
        ("io.github.stacklok/fetch", "io.github.stacklok/fetch", 1),
        ("com.example/plus", "com.example/plus", 1),
        ("weather", SOUGHT, 3),
    ],
)
def test_thv_finds_a_server_by_name(origin: str, base: str, given: str, found: str, requests: int) -> None:
    """`weather` is in 41 names, 40 of which stand before the one sought: an exact hit must be on the first page."""
    with Thv(origin + base) as thv:
        assert thv.get_server(given).name == found
        assert thv.requests == requests


@in_every_base
@pytest.mark.parametrize("name", ["com.example/absent", "absent", "weath", "com.example/WEATHER-00", "a b", "näme?&#"])
def test_thv_does_not_find_what_is_not_there(origin: str, base: str, name: str) -> None:
    with Thv(origin + base) as thv, pytest.raises(ClientError, match=r"not found in API$"):
        thv.get_server(name)


@in_every_base
@with_and_without_slash
def test_toolhive_registry_server_takes_over_everything(origin: str, base: str, slash: str) -> None:
    with ToolHiveServer(origin + base + slash) as consumer:
        assert consumer.sync() == sorted(DOCUMENTS, key=lambda server: (server["name"], server["version"]))
        assert consumer.requests == 1 + -(-len(DOCUMENTS) // 100)
