"""The drivers notice what the real clients would: each refuses an answer that breaks its client or loses data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.clients import copilot, vscode
from tests.clients.thv import Runnable, convert, short_name
from tests.clients.toolhive_server import check_description
from tests.clients.wire import Answer, ClientError, Json, encode_uri_component, path_escape, query_escape

SERVER = {"name": "a/b", "description": "d", "version": "1"}
ITEM = {"server": SERVER, "_meta": {}}
IMAGE = {"registryType": "oci", "identifier": "ghcr.io/a/b:1"}


@pytest.mark.parametrize("allowed", ["*", "vscode-file://vscode-app"])
def test_editor_takes_what_cors_allows(allowed: str) -> None:
    vscode.check_cors(Answer(404, {"access-control-allow-origin": allowed}, b""))


@pytest.mark.parametrize("headers", [{}, {"access-control-allow-origin": "https://example.com"}])
def test_editor_is_kept_from_what_cors_does_not_allow(headers: Mapping[str, str]) -> None:
    with pytest.raises(ClientError, match="blocked by CORS"):
        vscode.check_cors(Answer(404, headers, b""))


@pytest.mark.parametrize("cursor", ["a b", "a+b", "a=", "a%2F", "a/b", "a&b", "a#b", "é", "a:b", "", 5])
def test_editor_cannot_use_a_cursor_that_needs_encoding(cursor: Any) -> None:
    with pytest.raises(ClientError, match="does not survive"):
        vscode.raw_cursor(cursor)


def test_editor_reads_a_good_page() -> None:
    page = {"servers": [ITEM, ITEM], "metadata": {"count": 2, "nextCursor": "abc"}}
    assert vscode.read_page(page) == ([SERVER, SERVER], "abc")


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ([], "no list of servers"),
        ({"servers": None, "metadata": {}}, "no list of servers"),
        ({"servers": []}, "metadata"),
        ({"servers": [], "metadata": None}, "metadata"),
        ({"servers": [{"server": SERVER}], "metadata": {}}, "_meta"),
        ({"servers": [{"server": SERVER | {"description": ""}, "_meta": {}}], "metadata": {}}, "whole page"),
        ({"servers": [{"server": SERVER | {"version": 1}, "_meta": {}}], "metadata": {}}, "whole page"),
        ({"servers": [ITEM, {"server": SERVER | {"name": None}, "_meta": {}}], "metadata": {}}, "item 1 is lost"),
        ({"servers": [ITEM, None], "metadata": {}}, "item 1 is lost"),
    ],
)
def test_editor_loses_a_bad_page(page: Any, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        vscode.read_page(page)


DOCUMENTED = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "GET, OPTIONS",
    "access-control-allow-headers": "Authorization, Content-Type",
}


@pytest.mark.parametrize("absent", [None, *DOCUMENTED])
def test_copilot_wants_all_three_headers(absent: str | None) -> None:
    answer = Answer(200, {name: value for name, value in DOCUMENTED.items() if name != absent}, b"")
    if absent is None:
        copilot.check_cors(answer)
    else:
        with pytest.raises(ClientError, match="Access-Control-Allow-"):
            copilot.check_cors(answer)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"packages": [{"registryType": "npm", "identifier": "b"}]}, None),
        ({"packages": [IMAGE, IMAGE]}, None),
        ({"packages": [IMAGE]}, Runnable("a/b", False, "ghcr.io/a/b:1")),
        (
            {"packages": [IMAGE], "remotes": [{"url": "https://b.example.com"}]},
            Runnable("a/b", True, "https://b.example.com"),
        ),
    ],
)
def test_toolhive_keeps_what_it_can_run(more: Json, expected: Runnable | None) -> None:
    assert convert(SERVER | more) == expected


@pytest.mark.parametrize(("name", "short"), [("a/b", "b"), ("b", "b"), ("a/b/c", "a/b/c")])
def test_toolhive_shortens_names_with_one_slash(name: str, short: str) -> None:
    assert short_name(name) == short


GOOD = "info: {version: 1.0.0, description: as https://github.com/modelcontextprotocol/registry says}"


@pytest.mark.parametrize(
    "document",
    [
        "{",
        "[]",
        "info: []",
        GOOD.replace("1.0.0", "1.0"),
        GOOD.replace("version: 1.0.0", "versions: 1.0.0"),
        GOOD.replace("modelcontextprotocol", "example"),
    ],
)
def test_consumer_refuses_what_is_no_registry(document: str) -> None:
    check_description(GOOD.encode())
    with pytest.raises(ClientError):
        check_description(document.encode())


@pytest.mark.parametrize("body", [b"", b"{", b"[NaN]", b"[] []", b'"\xff"'])
def test_bodies_that_are_not_json_are_refused(body: bytes) -> None:
    with pytest.raises(ClientError, match="the body is not JSON"):
        Answer(200, {}, body).json()


def test_text_is_encoded_as_each_language_does() -> None:
    text = "a/b c+d&e=f:g@h,i;j?k~l!m'n(o)p*qé"
    assert encode_uri_component(text) == "a%2Fb%20c%2Bd%26e%3Df%3Ag%40h%2Ci%3Bj%3Fk~l!m'n(o)p*q%C3%A9"
    assert path_escape(text) == "a%2Fb%20c+d&e=f:g@h%2Ci%3Bj%3Fk~l%21m%27n%28o%29p%2Aq%C3%A9"
    assert query_escape(text) == "a%2Fb+c%2Bd%26e%3Df%3Ag%40h%2Ci%3Bj%3Fk~l%21m%27n%28o%29p%2Aq%C3%A9"
