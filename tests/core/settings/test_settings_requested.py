"""What only the configuration file may name is refused in a source that a client of the API describes."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.errors import Invalid, Refusals
from app.core.settings import check_registry_name, read_own_source, read_source

HOURLY = {"syncPolicy": {"interval": "1h"}}
ADDRESS = "https://git.example.org/a.git"
LOCAL = "git.repository must be the address of another host"
SSH = "git.repository: ssh repositories can only be named in the configuration file"


def refuse(body: dict[str, Any]) -> list[str]:
    with pytest.raises(Invalid) as caught:
        read_source("r", {**body, **HOURLY})
    return str(caught.value).removeprefix("invalid registry configuration: ").split("; ")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            {"git": {"repository": ADDRESS, "auth": {"username": "u", "passwordFile": "/etc/passwd"}}},
            "git.auth can only be given in the configuration file",
        ),
        ({"GIT": {"Repository": ADDRESS, "AUTH": {"username": "u", "passwordFile": "/x"}}}, "git.auth can only be"),
        ({"git": {"repository": "file:///srv/a.git"}}, LOCAL),
        ({"git": {"repository": "/srv/a.git"}}, LOCAL),
        ({"git": {"repository": "./a.git"}}, LOCAL),
        ({"git": {"repository": "a"}}, LOCAL),
        ({"git": {"repository": "ssh://git@git.example.org/a.git"}}, SSH),
        ({"git": {"repository": "SSH://git.example.org:2222/a"}}, SSH),
        ({"git": {"repository": "git@git.example.org:a.git"}}, SSH),
        ({"git": {"repository": "git.example.org:a.git"}}, SSH),
        ({"git": {"repository": "git@[fd00::1]:a"}}, SSH),
        ({"git": {"repository": "ssh://git:hunter2@git.example.org/a"}}, "git.repository must not hold a password"),
        ({"git": {"repository": "https://u:hunter2@h/a"}}, "git.repository must not hold a password"),
        ({"git": {"repository": "ext::sh -c x"}}, "git.repository must be an address"),
        ({"git": {"repository": "gopher://h/a"}}, "git.repository must be an https, http, ssh, git or file URL"),
        ({"git": {"repository": "https://hunter2@h/a"}}, "git.repository must not hold a user"),
        ({"git": {"repository": ADDRESS, "commit": "main"}}, "git.commit must be a commit hash"),
        (
            {"api": {"endpoint": "https://h", "authTokenFile": "/etc/passwd"}},
            "api.authTokenFile can only be given in the configuration file",
        ),
        ({"api": {"endpoint": "https://h", "caCertPath": "/x"}}, "api.caCertPath can only be given"),
        ({"api": {"endpoint": "https://h", "headers": {"X-Tenant": "a"}}}, "api.headers can only be given"),
        ({"api": {"endpoint": "https://h", "headers": ["X-Tenant"]}}, "api.headers must be an object, got an array"),
        ({"api": {"endpoint": "https://h", "headers": {"X-A": 1}}}, "api.headers.X-A must be a string, got a number"),
        ({"api": {"endpoint": "https://h", "headers": {"X-A": " "}}}, "api.headers.X-A must not be empty"),
        ({"api": {"endpoint": "https://h", "fullSyncInterval": "0s"}}, "fullSyncInterval must be greater than zero"),
        ({"api": {"endpoint": "https://u:hunter2@h"}}, "api.endpoint must not hold a user or a password"),
        ({"file": {"url": "https://hunter2@h/x"}}, "file.url must not hold a user or a password"),
    ],
)
def test_what_a_client_may_not_name_is_one_problem(body: dict[str, Any], words: str) -> None:
    (problem,) = refuse(body)
    assert words in problem
    assert "hunter2" not in problem


def test_each_privilege_of_a_block_is_told() -> None:
    secrets = {"authTokenFile": "/a", "caCertPath": "/b", "headers": {"X-A": "a"}}
    assert len(refuse({"api": {"endpoint": "https://h", **secrets}})) == 3
    auth = {"username": "u", "passwordFile": "/x"}
    assert len(refuse({"git": {"repository": "/srv/a", "auth": auth}})) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"git": {"repository": ADDRESS, "commit": "abcd", "auth": None}},
        {"git": {"repository": "git://git.example.org/a.git"}},
        {"git": {"repository": "https://10.1.2.3/a.git"}},
        {"api": {"endpoint": "https://h", "fullSyncInterval": "1h", "authTokenFile": " ", "headers": {}}},
        {"file": {"path": "/srv/registry.json"}},
    ],
)
def test_what_a_client_may_name_is_read(body: dict[str, Any]) -> None:
    (kind,) = body
    assert read_source("r", {**body, **HOURLY}).kind == kind


def test_each_problem_tells_its_place() -> None:
    body = {"git": {"repository": ADDRESS, "branch": "a", "tag": "b"}, "filter": {"names": {"include": ["a", ""]}}}
    with pytest.raises(Refusals) as caught:
        read_source("v0", body)
    assert [error.where for error in caught.value.errors] == [
        ("name",),
        ("filter", "names", "include", 1),
        ("syncPolicy", "interval"),
        ("git", "tag"),
    ]
    assert str(caught.value) == "invalid registry configuration: " + "; ".join(map(str, caught.value.errors))


def test_problems_beyond_the_first_are_counted() -> None:
    names = {"include": [""] * 60}
    with pytest.raises(Refusals, match="and 10 more problems") as caught:
        read_source("r", {"managed": {}, "filter": {"names": names}})
    assert len(caught.value.errors) == 50


@pytest.mark.parametrize("name", ["a", "my-source", "0", "x" * 63])
def test_new_source_has_a_name_as_in_the_file(name: str) -> None:
    assert read_own_source(name, {"managed": {}}, new=True).name == name


@pytest.mark.parametrize("name", ["", "A", "my_source", "-a", "a-", "x" * 64, "a.b", "v0.1"])
def test_other_names_are_for_sources_that_have_them_already(name: str) -> None:
    with pytest.raises(Refusals, match="invalid source configuration: name") as caught:
        read_own_source(name, {"managed": {}}, new=True)
    assert [error.where for error in caught.value.errors] == [("name",)]
    assert read_own_source(name, {"managed": {}}, new=False).name == name


@pytest.mark.parametrize("name", ["", "a b", "a\tb", "v0", "v0.1", ".", "..", "x" * 256])
def test_names_that_no_registry_may_have(name: str) -> None:
    with pytest.raises(Refusals, match="name"):
        check_registry_name(name)


@pytest.mark.parametrize("name", ["a", "Team_A", "team/tools", "café%", "x" * 255])
def test_names_that_a_registry_may_have(name: str) -> None:
    check_registry_name(name)
