"""The decoder that stands for Go's: what it takes, what it refuses, what it leaves out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.gotime import PAGE, time
from tests.clients.stage import catalogue
from tests.clients.wire import OFFICIAL, ClientError, Json

NOW = "2026-01-02T03:04:05.123456Z"


def page(server: Json, **changes: Any) -> Json:
    official = dict.fromkeys(("statusChangedAt", "publishedAt", "updatedAt"), NOW)
    item = {"server": server, "_meta": {OFFICIAL: {"status": "active", "isLatest": True, **official, **changes}}}
    return {"servers": [item], "metadata": {"count": 1, "nextCursor": "abc"}}


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.1Z",
        "2026-01-02T03:04:05.123456789Z",
        "2026-01-02T03:04:05+00:00",
        "2026-01-02T03:04:05.5-23:59",
        "0000-02-29T00:00:00Z",
        "2024-02-29T23:59:59Z",
        "9999-12-31T23:59:59.999999999+14:00",
    ],
)
def test_times_of_rfc_3339_are_taken(text: str) -> None:
    assert time(text, "t") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-02",
        "2026-01-02T03:04Z",
        "2026-01-02T03:04:05",
        "2026-01-02T03:04:05.Z",
        "2026-01-02T03:04:05,5Z",
        "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02t03:04:05Z",
        "2026-01-02T03:04:05z",
        "2026-01-02 03:04:05Z",
        "2026-01-02T03:04:05Z\n",
        " 2026-01-02T03:04:05Z",
        "2026-01-02T3:04:05Z",
        "26-01-02T03:04:05Z",
        "12026-01-02T03:04:05Z",
        "-2026-01-02T03:04:05Z",
        "2026-00-02T03:04:05Z",
        "2026-13-02T03:04:05Z",
        "2026-01-00T03:04:05Z",
        "2026-04-31T03:04:05Z",
        "2025-02-29T03:04:05Z",
        "1900-02-29T03:04:05Z",
        "2026-01-02T24:00:00Z",
        "2026-01-02T03:60:05Z",
        "2026-01-02T23:59:60Z",
        "2026-01-02T03:04:05+0000",
        "2026-01-02T03:04:05+00",
        "2026-01-02T03:04:05+24:00",
        "2026-01-02T03:04:05+00:60",
        "2026-01-02T03:04:05 +00:00",
        "2026-01-02T03:04:05Z+00:00",
        "٢٠٢٦-01-02T03:04:05Z",
    ],
)
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ClientError, match="parsing time"):
        time(text, "t")


def test_documents_pass_unchanged() -> None:
    for server in catalogue():
        assert PAGE(page(server), "p")["servers"][0]["server"] == server


def test_unknown_keys_are_ignored_and_known_ones_match_in_any_case() -> None:
    given = page({"NAME": "a/b", "description": "d", "version": "1", "x": 5, "title": "", "icons": None, "_META": None})
    given["servers"][0]["_meta"]["com.example/more"] = 7
    assert PAGE(given, "p") == page({"name": "a/b", "description": "d", "version": "1"})


def put(*path: str | int) -> Callable[[Json, Any], None]:
    def change(whole: Json, value: Any) -> None:
        at: Any = whole
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


SERVER = ("servers", 0, "server")
SPOILT: list[tuple[Callable[[Json, Any], None], Any]] = [
    (put("servers"), {}),
    (put("servers", 0), "a"),
    (put("servers", 0, "_meta"), None),
    (put("servers", 0, "_meta", OFFICIAL, "publishedAt"), ""),
    (put("servers", 0, "_meta", OFFICIAL, "updatedAt"), None),
    (put("servers", 0, "_meta", OFFICIAL, "isLatest"), "true"),
    (put("servers", 0, "_meta", OFFICIAL, "isLatest"), 1),
    (put("servers", 0, "_meta", OFFICIAL, "status"), 1),
    (put("metadata", "count"), "1"),
    (put("metadata", "count"), 1.0),
    (put("metadata", "count"), True),
    (put("metadata", "count"), 2**63),
    (put("metadata", "nextCursor"), 7),
    (put("metadata"), {}),
    (put(*SERVER, "name"), None),
    (put(*SERVER, "VERSION"), 1),
    (put(*SERVER, "title"), ["x"]),
    (put(*SERVER, "repository"), "https://github.com/example/rich"),
    (put(*SERVER, "repository", "id"), 1),
    (put(*SERVER, "icons", 0, "sizes"), "48x48"),
    (put(*SERVER, "packages"), {}),
    (put(*SERVER, "packages", 0, "version"), 1.2),
    (put(*SERVER, "packages", 0, "transport"), "stdio"),
    (put(*SERVER, "packages", 0, "packageArguments", 1, "value"), 8080),
    (put(*SERVER, "packages", 0, "packageArguments", 0, "isRepeated"), "yes"),
    (put(*SERVER, "packages", 0, "environmentVariables", 0, "default"), 1),
    (put(*SERVER, "remotes", 0, "headers", 0, "variables"), []),
    (put(*SERVER, "remotes", 0, "variables", "tenant", "choices"), ["a", 1]),
    (put(*SERVER, "_meta", "io.modelcontextprotocol.registry/publisher-provided"), "x"),
]


@pytest.mark.parametrize(("change", "value"), SPOILT)
def test_one_bad_value_fails_the_whole_page(change: Callable[[Json, Any], None], value: Any) -> None:
    whole = page(copy.deepcopy(next(server for server in catalogue() if server["name"] == "com.example/rich")))
    PAGE(whole, "p")
    change(whole, value)
    with pytest.raises(ClientError):
        PAGE(whole, "p")
