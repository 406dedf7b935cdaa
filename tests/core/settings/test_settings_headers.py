"""The headers of an api source: free keys that keep their case, and which of them cannot be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import ApiSettings
from tests.core.settings.settings_files import OPEN, load, refuse, refuse_once

SYNC = "syncPolicy: {interval: 5m}"


def write(headers: str) -> str:
    return f"{OPEN}sources:\n- name: a\n  {SYNC}\n  api:\n    endpoint: https://h\n    headers:\n      {headers}\n"


def test_headers_keep_their_case_and_are_text(tmp_path: Path) -> None:
    headers = 'X-Tenant: Catalogue\n      x_old.KEY: 007\n      Accept-Language: "é, *;q=0.5"\n      X-On: true'
    api = load(tmp_path, write(headers)).sources[0].api
    assert api is not None
    expected = {"X-Tenant": "Catalogue", "x_old.KEY": "007", "Accept-Language": "é, *;q=0.5", "X-On": "true"}
    assert api.headers == expected
    written = api.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    assert written == {"endpoint": "https://h", "headers": expected}
    assert ApiSettings.model_validate(written) == api


@pytest.mark.parametrize(
    ("header", "words", "fix"),
    [
        ("Authorization: Bearer hunter2", "Authorization cannot be set here", "api.authTokenFile"),
        ("authorization: hunter2", "authorization cannot be set here", "api.authTokenFile"),
        ("Host: hunter2", "cannot be set: the server sees to it itself", "remove it"),
        ("Cookie: hunter2", "cannot be set", "remove it"),
        ("content-length: 3", "cannot be set", "remove it"),
        ("Connection: close", "cannot be set", "remove it"),
        ("Keep-Alive: 3", "cannot be set", "remove it"),
        ("Proxy-Authorization: hunter2", "cannot be set", "remove it"),
        ("TE: trailers", "cannot be set", "remove it"),
        ("Transfer-Encoding: chunked", "cannot be set", "remove it"),
        ("Upgrade: h2c", "cannot be set", "remove it"),
        ("If-None-Match: x", "cannot be set", "remove it"),
        ("Accept-Encoding: br", "cannot be set", "remove it"),
        ("X Tenant: hunter2", "X Tenant is not a header name", "X-Tenant"),
        ("'X:': hunter2", "is not a header name", "X-Tenant"),
        ("'': hunter2", "is not a header name", "X-Tenant"),
        ("Größe: hunter2", "is not a header name", "X-Tenant"),
        ('X-A: "hunter2\\nX-B: y"', "has a control character or a line break in its value", "on one line"),
        ('X-A: "hunter2\\0"', "has a control character", "on one line"),
        ('X-A: "hunter2\\x85"', "has a control character", "on one line"),
        ("X-A: 'hunter2 '", "has a blank at an end of its value", "remove the blank"),
        ("X-A: hunter2€", "has a character in its value that no header can hold", "8859-1"),
        ("X-A:", "must be a single value, found nothing", "write one value"),
        ("X-A: ''", "must be a single value, found nothing", "write one value"),
        ("X-A: [hunter2]", "must be a single value, found a list", "write one value"),
    ],
)
def test_header_that_cannot_be_sent_is_reported(tmp_path: Path, header: str, words: str, fix: str) -> None:
    problem = refuse_once(tmp_path, write(header))
    assert problem.path.startswith("sources[0].api.headers.")
    assert problem.line == 8
    assert words in problem.message
    assert fix in problem.fix
    assert "hunter2" not in str(problem)


def test_header_that_stands_twice_is_reported(tmp_path: Path) -> None:
    problem = refuse_once(tmp_path, write("X-A: a\n      x-a: b"))
    assert (problem.path, problem.line) == ("sources[0].api.headers.x-a", 9)
    assert "is there already" in problem.message


def test_headers_must_be_a_mapping(tmp_path: Path) -> None:
    (problem,) = refuse(tmp_path, write("- X-A: a"))
    assert problem.message == "sources[0].api.headers must be a mapping, found a list"
