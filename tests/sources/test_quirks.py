"""Each quirk of real documents by itself, and what normalising as a whole promises."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.documents import CURRENT_SCHEMA, check_server
from app.sources import quirks
from app.sources.quirks import FULL_DESCRIPTION, normalise
from tests.sources.samples import JSON_VALUES, Json, package, server

OLD_SCHEMA = "https://static.modelcontextprotocol.io/schemas/2025-07-09/server.schema.json"


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ({"url": "https://github.com/a/b"}, {"url": "https://github.com/a/b", "source": "github"}),
        (
            {"url": "https://www.github.com/a/b", "source": ""},
            {"url": "https://www.github.com/a/b", "source": "github"},
        ),
        ({"url": "https://gitlab.com/a/b", "source": None}, {"url": "https://gitlab.com/a/b", "source": "gitlab"}),
        (
            {"url": "https://Git.Acme.example:8443/b"},
            {"url": "https://Git.Acme.example:8443/b", "source": "git.acme.example"},
        ),
        ({"url": "https://github.com/a/b", "source": "own"}, {"url": "https://github.com/a/b", "source": "own"}),
        ("https://github.com/a/b", {"url": "https://github.com/a/b", "source": "github"}),
        ({"url": "https://[::1/b"}, {"url": "https://[::1/b"}),
        ({"url": 1}, {"url": 1}),
        (1, 1),
    ],
)
def test_repository_gets_its_form_and_source(repository: Any, expected: Any) -> None:
    assert normalise(server(repository=repository))["repository"] == expected


@pytest.mark.parametrize("repository", [{}, {"url": ""}, {"url": None, "source": "github"}, {"url": "  "}, "", None])
def test_repository_without_url_is_dropped(repository: Any) -> None:
    assert normalise(server(repository=repository)) == server()


@pytest.mark.parametrize("key", ["$schema", "title", "websiteUrl", "status"])
@pytest.mark.parametrize("empty", ["", None])
def test_empty_optional_text_is_dropped(key: str, empty: str | None) -> None:
    assert normalise(server(**{key: empty})) == server()


@pytest.mark.parametrize("key", ["registryBaseUrl", "version", "runtimeHint", "fileSha256"])
@pytest.mark.parametrize("empty", ["", None])
def test_empty_optional_text_of_a_package_is_dropped(key: str, empty: str | None) -> None:
    assert normalise(server(packages=[package(**{key: empty})])) == server(packages=[package()])


def test_null_lists_and_parts_are_dropped() -> None:
    nulls = dict.fromkeys(("runtimeArguments", "packageArguments", "environmentVariables"))
    remote = {"type": "sse", "url": "https://a.example"}
    document = server(
        icons=None,
        _meta=None,
        packages=[package(**nulls)],
        remotes=[{**remote, "headers": None, "variables": None}],
    )
    assert normalise(document) == server(packages=[package()], remotes=[remote])


def test_nulls_of_inputs_are_dropped_and_empty_values_kept() -> None:
    given_input = {"name": "A", "default": "", "value": None, "format": "", "variables": {"v": {"choices": None}}}
    found = normalise(server(packages=[package(environmentVariables=[given_input])]))
    assert found["packages"][0]["environmentVariables"] == [{"name": "A", "default": "", "variables": {"v": {}}}]


def test_required_parts_are_never_dropped() -> None:
    document = {"name": None, "description": None, "version": None, "packages": [{"identifier": None}]}
    assert normalise(document) == document


def test_floating_package_version_is_dropped() -> None:
    assert normalise(server(packages=[package(version="latest")])) == server(packages=[package()])


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        ({"type": "", "value": "x"}, "positional"),
        ({"value": "x"}, "positional"),
        ({"type": None, "name": "--x"}, "named"),
        ({"name": "--x", "value": "y"}, "named"),
        ({"name": "", "value": "y"}, "positional"),
        ({"type": "other", "name": "--x"}, "other"),
    ],
)
@pytest.mark.parametrize("place", ["runtimeArguments", "packageArguments"])
def test_argument_without_type_gets_one(argument: Json, kind: str, place: str) -> None:
    found = normalise(server(packages=[package(**{place: [argument]})]))
    assert found["packages"][0][place][0]["type"] == kind


def test_blank_description_becomes_the_title_or_the_name() -> None:
    assert normalise(server(description=" ", title="Database"))["description"] == "Database"
    assert normalise(server(description=""))["description"] == "io.github.acme/db"


def test_missing_description_stays_missing() -> None:
    document = {"name": "ab/cd", "version": "1"}
    assert normalise(document) == document


def test_long_description_is_cut_at_a_word_and_kept_in_full() -> None:
    full = "Reads databases, " * 10
    found = normalise(server(description=full, _meta={"x": 1}))
    assert found["description"] == "Reads databases, " * 5 + "Reads…"
    assert found["_meta"] == {"x": 1, FULL_DESCRIPTION: full}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x" * 100, "x" * 100),
        ("x" * 101, "x" * 99 + "…"),
        ("x" * 99 + " yz", "x" * 99 + "…"),
        ("x" * 98 + " yz", "x" * 98 + "…"),
        ("one two, " + "x" * 200, "one two…"),
        (" " * 5 + "x" * 200, " " * 5 + "x" * 94 + "…"),
        ("é" * 50 + " " + "ü" * 60, "é" * 50 + "…"),
    ],
)
def test_shortened_text_fits_and_ends_at_a_word(text: str, expected: str) -> None:
    assert quirks.shorten(text) == expected
    assert len(expected) <= 100


def snake_case_document(**changes: Any) -> Json:
    return server(
        **{"$schema": OLD_SCHEMA},
        website_url="https://acme.example",
        packages=[
            {
                "registry_type": "npm",
                "registry_base_url": "https://npm.packages.example",
                "identifier": "@acme/db",
                "version": "1.0.0",
                "file_sha256": "0" * 64,
                "runtime_hint": "npx",
                "runtime_arguments": [{"type": "positional", "value_hint": "x", "is_repeated": True}],
                "package_arguments": [
                    {
                        "type": "named",
                        "name": "--a",
                        "is_secret": True,
                        "variables": {"is_required": {"is_required": True}},
                    }
                ],
                "environment_variables": [{"name": "KEY", "is_required": True, "is_secret": False}],
            }
        ],
        remotes=[{"type": "sse", "url": "https://acme.example", "headers": [{"name": "H", "is_required": True}]}],
        **changes,
    )


def test_snake_case_document_gets_the_current_spelling() -> None:
    found = normalise(snake_case_document())
    assert found == server(
        **{"$schema": CURRENT_SCHEMA},
        websiteUrl="https://acme.example",
        packages=[
            {
                "registryType": "npm",
                "registryBaseUrl": "https://npm.packages.example",
                "identifier": "@acme/db",
                "version": "1.0.0",
                "fileSha256": "0" * 64,
                "runtimeHint": "npx",
                "runtimeArguments": [{"type": "positional", "valueHint": "x", "isRepeated": True}],
                "packageArguments": [
                    {
                        "type": "named",
                        "name": "--a",
                        "isSecret": True,
                        "variables": {"is_required": {"isRequired": True}},
                    }
                ],
                "environmentVariables": [{"name": "KEY", "isRequired": True, "isSecret": False}],
                "transport": {"type": "stdio"},
            }
        ],
        remotes=[{"type": "sse", "url": "https://acme.example", "headers": [{"name": "H", "isRequired": True}]}],
    )
    assert check_server(found) == ()


def test_current_spelling_wins_over_the_old_one() -> None:
    document = server(website_url="https://old.example", websiteUrl="https://new.example")
    assert normalise(document) == document


def test_package_of_a_current_document_gets_no_transport() -> None:
    document = server(packages=[{"registryType": "npm", "identifier": "x"}])
    assert normalise(document) == document


def test_key_order_and_unknown_keys_are_kept() -> None:
    document = {
        "zeta": {"a": None},
        "version": "1",
        "packages": [{"b": 1, "registry_type": "npm", "a": ""}],
        "name": "x",
    }
    found = normalise(document)
    assert list(found) == list(document)
    assert list(found["packages"][0]) == ["b", "registryType", "a", "transport"]
    assert found["zeta"] == {"a": None}


URLS = st.text() | st.sampled_from(["", "https://github.com/a/b", "https://[x", "//a.example"])
ARGUMENTS = st.lists(st.fixed_dictionaries({}, optional={"type": JSON_VALUES, "name": JSON_VALUES}), max_size=3)
PACKAGES = st.fixed_dictionaries(
    {},
    optional={
        "registry_type": JSON_VALUES,
        "registryType": JSON_VALUES,
        "version": st.sampled_from(["latest", "", None, "1"]) | JSON_VALUES,
        "transport": JSON_VALUES,
        "package_arguments": ARGUMENTS,
        "packageArguments": ARGUMENTS,
    },
)
NEAR_DOCUMENTS = st.fixed_dictionaries(
    {"name": JSON_VALUES, "title": JSON_VALUES, "_meta": JSON_VALUES},
    optional={
        "$schema": st.just(OLD_SCHEMA) | JSON_VALUES,
        "description": st.text(alphabet=" ab.\u0130", max_size=300) | JSON_VALUES,
        "repository": URLS | JSON_VALUES | st.fixed_dictionaries({"url": URLS}, optional={"source": JSON_VALUES}),
        "packages": st.lists(PACKAGES, max_size=3) | JSON_VALUES,
        "website_url": JSON_VALUES,
    },
)


@settings(deadline=None)
@given(document=NEAR_DOCUMENTS | st.dictionaries(st.text(), JSON_VALUES))
def test_normalising_twice_equals_once_and_leaves_the_input_alone(document: Json) -> None:
    before = copy.deepcopy(document)
    once = normalise(document)
    assert repr(document) == repr(before)
    assert repr(normalise(once)) == repr(once)
