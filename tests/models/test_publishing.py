"""Every publish rule of a server.json as a whole: what keeps it passes, what breaks it is named with path and rule."""

from __future__ import annotations

import copy
from contextlib import suppress
from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.documents import (
    CURRENT_SCHEMA,
    PUBLISHER_PROVIDED,
    Issue,
    IssueType,
    PublishPolicy,
    Severity,
    check_publishable,
)
from tests.conftest import NEEDS_DATA
from tests.models.publishable import Finding, bundle, find, image, in_package, npm, publishable, remote
from tests.models.test_documents import FAULTS, find_places
from tests.sources.samples import JSON_VALUES, Json, real_documents, server

SCHEMAS = "https://static.modelcontextprotocol.io/schemas"
REPOSITORY = {"url": "https://github.com/acme/db", "source": "github"}
ICON = {"src": "https://acme.example/icon.png"}

GOOD: list[Json] = [
    publishable(),
    publishable(**{"$schema": f"{SCHEMAS}/2025-12-11/server.schema.json#"}),
    publishable(title=" Database "),
    publishable(websiteUrl="https://acme.example:8443/a?b=%20#c"),
    publishable(repository={}),
    publishable(repository={**REPOSITORY, "subfolder": "src/a-b_c/.d/e..f"}),
    publishable(repository={"url": "http://www.github.com/acme/db.git/", "source": "github"}),
    publishable(repository={"url": "https://gitlab.com/acme/db", "source": "gitlab"}),
    publishable(icons=[ICON, {**ICON, "theme": "dark"}, {**ICON, "mimeType": "image/png"}]),
    publishable(_meta={PUBLISHER_PROVIDED: {"x": 1}}),
    publishable(packages=[], remotes=[remote()]),
]


@pytest.mark.parametrize("document", GOOD)
def test_document_that_keeps_every_rule_has_no_issue(document: Json) -> None:
    assert check_publishable(document, PublishPolicy()) == ()


ERRORS: list[tuple[Json, str, str]] = [
    (publishable(**{"$schema": CURRENT_SCHEMA + "x"}), "$schema", "schema-unknown"),
    (publishable(**{"$schema": f"{SCHEMAS}/draft/server.schema.json"}), "$schema", "schema-unknown"),
    (publishable(**{"$schema": f"{SCHEMAS}/2025-12-12/server.schema.json"}), "$schema", "schema-unknown"),
    (
        publishable(**{"$schema": "https://acme.example/schemas/2025-12-11/server.schema.json"}),
        "$schema",
        "schema-unknown",
    ),
    (publishable(**{"$schema": "no URI"}), "$schema", "schema-unknown"),
    (publishable(name="a/db"), "name", "name-too-short"),
    (publishable(name="acme/d"), "name", "name-too-short"),
    (publishable(version="1.0.0\n"), "version", "version-white-space"),
    (publishable(version=" 1.0.0"), "version", "version-white-space"),
    (publishable(version="1.0\tbeta"), "version", "version-white-space"),
    (publishable(version="1.0\rbeta"), "version", "version-white-space"),
    (publishable(version="1.0\u200b"), "version", "version-invisible"),
    (publishable(version="\x01"), "version", "version-invisible"),
    (publishable(version="."), "version", "version-dots"),
    (publishable(version=".."), "version", "version-dots"),
    (publishable(title=" \t "), "title", "title-blank"),
    (publishable(websiteUrl="http://acme.example"), "websiteUrl", "website-url"),
    (publishable(websiteUrl="https:///page"), "websiteUrl", "website-url"),
    (publishable(websiteUrl="mailto:db@acme.example"), "websiteUrl", "website-url"),
    (publishable(websiteUrl="https://acme.example/it's"), "websiteUrl", "website-url"),
    (publishable(websiteUrl="https://acme.example:99999/"), "websiteUrl", "website-url"),
    (publishable(repository={**REPOSITORY, "url": "https://github.com/acme"}), "repository.url", "repository-url"),
    (publishable(repository={**REPOSITORY, "url": "https://github.com/a/b/c"}), "repository.url", "repository-url"),
    (publishable(repository={**REPOSITORY, "url": "https://gitlab.com/a/b"}), "repository.url", "repository-url"),
    (publishable(repository={**REPOSITORY, "url": "git:github.com/a/b"}), "repository.url", "repository-url"),
    (
        publishable(repository={"url": "https://gitlab.com/acme/tools/db", "source": "gitlab"}),
        "repository.url",
        "repository-url",
    ),
    (publishable(repository={"url": "ssh://git@x.example/y", "source": "git"}), "repository.url", "repository-url"),
    *(
        (publishable(repository={**REPOSITORY, "subfolder": folder}), "repository.subfolder", "repository-subfolder")
        for folder in ("/src", "src/", "src//db", "./src", "src/../db", "..", "src\\db", "src db", "sörc", "src\n")
    ),
    (publishable(icons=[ICON, {"src": "http://acme.example/icon.png"}]), "icons[1].src", "icon-src"),
    (publishable(icons=[{"src": "data:image/png;base64,AAAA"}]), "icons[0].src", "icon-src"),
    (publishable(icons=[ICON, {"src": "https://acme.example/2"}, ICON]), "icons[2]", "duplicate-icon"),
]


@pytest.mark.parametrize(("document", "path", "reference"), ERRORS)
def test_broken_rule_is_an_error_with_its_path(document: Json, path: str, reference: str) -> None:
    assert find(document) == [Finding(path, reference, "error")]


WARNINGS: list[tuple[Json, str, str]] = [
    (server(packages=[npm()]), "$schema", "schema-missing"),
    (publishable(**{"$schema": ""}), "$schema", "schema-missing"),
    *(
        (publishable(**{"$schema": f"{SCHEMAS}/{date}/server.schema.json"}), "$schema", "schema-outdated")
        for date in ("2025-07-09", "2025-09-16", "2025-09-29", "2025-10-11", "2025-10-17")
    ),
    (
        publishable(repository={"url": "https://git.acme.example/team/tools/db", "source": "gitea"}),
        "repository.source",
        "repository-source",
    ),
    (
        publishable(repository={"url": "https://github.acme.example/team/db", "source": "github"}),
        "repository.source",
        "repository-source",
    ),
    (
        publishable(repository={"url": "https://gitlab.acme.example/a/b/c", "source": "gitlab"}),
        "repository.source",
        "repository-source",
    ),
    (publishable(_meta={"com.example/x": 1}), '_meta["com.example/x"]', "meta-unknown-key"),
    (publishable(status="active"), "status", "status-in-document"),
    (publishable(website_url="https://acme.example"), "website_url", "unknown-property"),
]


@pytest.mark.parametrize(("document", "path", "reference"), WARNINGS)
def test_doubtful_part_is_a_warning_with_its_path(document: Json, path: str, reference: str) -> None:
    assert find(document) == [Finding(path, reference, "warning")]


@pytest.mark.parametrize("changes", [{}, {"packages": []}, {"packages": [], "remotes": []}])
def test_document_with_nothing_to_run_gets_a_hint(changes: Json) -> None:
    [issue] = check_publishable(server(**{"$schema": CURRENT_SCHEMA}, **changes), PublishPolicy())
    assert issue == Issue(
        IssueType.LINTER,
        "",
        "has neither packages nor remotes: clients have nothing to start",
        Severity.INFO,
        "nothing-to-run",
    )


@pytest.mark.parametrize(
    ("changes", "message", "reference"),
    [
        ({"name": None}, "Invalid server name: server name cannot be empty", "schema-required"),
        ({"name": ""}, "Invalid server name: server name cannot be empty", "schema-required"),
        ({"name": " \t"}, "Invalid server name: server name cannot be empty", "schema-required"),
        ({"name": " acme/db"}, "Invalid server name: must not contain white space", "schema-name"),
        ({"name": "acme/db\n"}, "Invalid server name: must not contain white space", "schema-name"),
        (
            {"name": "acme/db/2"},
            "Invalid server name: server name must contain exactly one '/' separator",
            "schema-name",
        ),
        ({"name": " /db"}, "Invalid server name: namespace part cannot be empty", "schema-name"),
        (
            {"name": "ac me/db"},
            "Invalid server name: namespace 'ac me' is invalid. Namespace must start and end with alphanumeric"
            " characters, and may contain dots and hyphens in the middle",
            "schema-name",
        ),
        (
            {"name": "acme/\ud800"},
            "Invalid server name: name '?' is invalid. Name must start and end with alphanumeric characters, and may"
            " contain dots, underscores, and hyphens in the middle",
            "schema-name",
        ),
        ({"name": 7}, "must be a string", "schema-string-type"),
        (
            {"name": "{{owner}}/db"},
            "holds a template that was never filled in; write the name itself",
            "schema-name",
        ),
        ({"name": "a/db"}, "Invalid server name: both halves must have at least 2 characters", "name-too-short"),
        ({"version": None}, "Server version is required", "schema-required"),
        ({"version": ""}, "Server version is required", "schema-required"),
        ({"version": " \n"}, "Server version is required", "schema-required"),
        ({"version": 1}, "must be a string", "schema-string-type"),
        ({"version": "latest"}, 'must be one version such as "1.0.0", not "latest"', "schema-version"),
        ({"version": "^1.0 "}, 'must be one version such as "1.0.0", not a range of versions', "schema-version"),
        ({"version": "1" * 256}, "must have at most 255 characters", "schema-version"),
        ({"version": "1 2"}, "must not contain white space", "version-white-space"),
    ],
)
def test_name_and_version_are_refused_once_in_the_words_clients_know(
    changes: Json, message: str, reference: str
) -> None:
    [issue] = check_publishable(publishable(**changes), PublishPolicy())
    assert (issue.path, issue.message, issue.reference) == (next(iter(changes)), message, reference)
    assert issue.severity is Severity.ERROR


@pytest.mark.parametrize("key", ["name", "version"])
def test_absent_name_or_version_is_missing(key: str) -> None:
    document = publishable()
    del document[key]
    assert find(document) == [Finding(key, "schema-required", "error")]


@pytest.mark.parametrize(
    ("document", "path", "reference"),
    [
        (publishable(description="x" * 101), "description", "schema-string-too-long"),
        (publishable(websiteUrl="acme"), "websiteUrl", "schema-string-pattern-mismatch"),
        (publishable(**{"$schema": 1}), "$schema", "schema-string-type"),
        (publishable(repository={"id": "1", **REPOSITORY, "source": 1}), "repository.source", "schema-string-type"),
        (publishable(repository={**REPOSITORY, "source": []}), "repository.source", "schema-string-type"),
        (publishable(repository=[]), "repository", "schema-model-type"),
        (publishable(icons=[{**ICON, "theme": "blue"}]), "icons[0].theme", "schema-literal-error"),
        (publishable(packages=[1], remotes=[remote()]), "packages[0]", "schema-model-type"),
        (in_package(version="latest"), "packages[0].version", "schema-version"),
        (in_package(packageArguments=[{"type": "positional"}]), "packages[0].packageArguments[0]", "schema-positional"),
        (in_package(transport={"type": "tcp"}), "packages[0].transport.type", "schema-union-tag-invalid"),
        (publishable(remotes=[remote(type="stdio")]), "remotes[0].type", "schema-union-tag-invalid"),
        (publishable(remotes=[remote(url="ftp://acme.example")]), "remotes[0].url", "schema-string-pattern-mismatch"),
    ],
)
def test_what_the_schema_refuses_is_judged_by_the_schema_alone(document: Json, path: str, reference: str) -> None:
    [issue] = check_publishable(document, PublishPolicy())
    assert (issue.type, issue.path, issue.reference) == (IssueType.SCHEMA, path, reference)


@pytest.mark.parametrize("document", [fault for fault, _ in FAULTS])
def test_no_document_that_breaks_the_schema_is_publishable(document: Json) -> None:
    if document.get("$schema") != "":  # for publishing, an empty one is as good as none
        assert any(issue.severity is Severity.ERROR for issue in check_publishable(document, PublishPolicy()))


def test_ten_broken_rules_are_named_at_once_in_the_order_of_the_schema() -> None:
    document = {
        "x-team": "db",
        "_meta": {PUBLISHER_PROVIDED: {"x": "y" * 100}},
        "remotes": [remote(url="https://[::1]/mcp")],
        "packages": [npm(), image(version="1"), npm(identifier="a b", version="1.x")],
        "icons": [{"src": "http://acme.example"}],
        "repository": {"url": "https://github.com/acme", "source": "github", "subfolder": "../x"},
        "version": "",
        "title": " ",
        "name": "db",
    }
    assert find(document, PublishPolicy(max_meta_bytes=50)) == [
        Finding("$schema", "schema-missing", "warning"),
        Finding("name", "schema-name", "error"),
        Finding("title", "title-blank", "error"),
        Finding("description", "schema-required", "error"),
        Finding("version", "schema-required", "error"),
        Finding("repository.url", "repository-url", "error"),
        Finding("repository.subfolder", "repository-subfolder", "error"),
        Finding("icons[0].src", "icon-src", "error"),
        Finding("packages[1].version", "package-version-forbidden", "error"),
        Finding("packages[2].identifier", "package-identifier", "error"),
        Finding("packages[2].version", "package-version", "error"),
        Finding("remotes[0].url", "remote-url-localhost", "error"),
        Finding(f'_meta["{PUBLISHER_PROVIDED}"]', "meta-too-large", "error"),
        Finding("x-team", "unknown-property", "warning"),
    ]


def test_parts_without_what_tells_them_apart_are_not_compared() -> None:
    nameless = {"registryType": "npm", "version": "1", "transport": {"type": "stdio"}}
    document = publishable(icons=[{}, {}], packages=[nameless, nameless], remotes=[{"type": "sse"}, {"type": "sse"}])
    assert find(document) == [
        Finding("icons[0].src", "schema-required", "error"),
        Finding("icons[1].src", "schema-required", "error"),
        Finding("packages[0].identifier", "schema-required", "error"),
        Finding("packages[1].identifier", "schema-required", "error"),
        Finding("remotes[0].url", "schema-required", "error"),
        Finding("remotes[1].url", "schema-required", "error"),
    ]


def test_what_concerns_the_whole_document_comes_last() -> None:
    found = find(publishable(packages=[], x=1))
    assert [finding.reference for finding in found] == ["unknown-property", "nothing-to-run"]


def test_items_of_a_list_are_told_about_in_their_order() -> None:
    wrong = {"type": "positional"}
    document = publishable(packages=[npm(identifier=" "), *(npm(packageArguments=[wrong]) for _ in range(11))])
    paths = [issue.path for issue in check_publishable(document, PublishPolicy()) if issue.type is IssueType.SCHEMA]
    assert paths == [f"packages[{index}].packageArguments[0]" for index in range(1, 12)]
    assert find(document)[0].path == "packages[0].identifier"


@pytest.mark.parametrize(("limit", "expected"), [(13, ["meta-too-large"]), (14, [])])
def test_publishers_data_are_measured_as_compact_json(limit: int, expected: list[str]) -> None:
    document = publishable(_meta={PUBLISHER_PROVIDED: {"a": ["ä", 1]}})
    issues = check_publishable(document, PublishPolicy(max_meta_bytes=limit))
    assert [issue.reference for issue in issues] == expected


def test_too_large_data_are_told_with_size_and_limit() -> None:
    [issue] = check_publishable(publishable(_meta={PUBLISHER_PROVIDED: {"a": "b"}}), PublishPolicy(max_meta_bytes=4))
    assert issue.message == "is too large: 9 bytes as compact JSON, 4 are allowed"


@pytest.mark.parametrize(("limit", "expected"), [(14, ["meta-too-large"]), (15, [])])
def test_other_metadata_have_the_same_limit(limit: int, expected: list[str]) -> None:
    document = publishable(_meta={PUBLISHER_PROVIDED: {"a": "b"}, "x/y": "12345"})
    issues = check_publishable(document, PublishPolicy(max_meta_bytes=limit))
    assert [(i.path, i.reference) for i in issues if i.severity is Severity.ERROR] == [("_meta", r) for r in expected]


@pytest.mark.parametrize("value", ["\ud800", 2**64, -(2**63) - 1])
def test_data_that_cannot_be_written_are_refused(value: Any) -> None:
    found = find(publishable(_meta={PUBLISHER_PROVIDED: {"a": [value]}}))
    assert found == [Finding(f'_meta["{PUBLISHER_PROVIDED}"]', "meta-unstorable", "error")]


def test_data_nested_beyond_the_writers_limit_are_refused() -> None:
    value: Json = {}
    for _ in range(600):
        value = {"a": value}
    assert [found.reference for found in find(publishable(_meta={PUBLISHER_PROVIDED: value}))] == ["meta-unstorable"]


def test_at_most_twenty_unknown_keys_are_named() -> None:
    unknown = {f"x-{number}": 1 for number in range(30)}
    found = find(publishable(**unknown, _meta=unknown))
    assert [finding.path for finding in found if finding.reference == "unknown-property"] == list(unknown)[:20]
    assert [finding.reference for finding in found].count("meta-unknown-key") == 20


def test_no_issue_is_told_twice() -> None:
    issues = check_publishable(publishable(**{chr(0xD800): 1, chr(0xDFFF): 2}), PublishPolicy())
    assert [(issue.path, issue.reference) for issue in issues] == [('["?"]', "unknown-property")]


@NEEDS_DATA
@pytest.mark.parametrize("folder", ["valid", "from-docs"])
def test_official_examples_are_publishable(folder: str) -> None:
    found = {
        name: [issue for issue in check_publishable(document, PublishPolicy()) if issue.severity is not Severity.INFO]
        for name, document in real_documents(f"mcp/examples/{folder}")
    }
    assert len(found) == {"valid": 3, "from-docs": 17}[folder]
    assert found == {name: [] for name in found}


@NEEDS_DATA
def test_official_bad_examples_are_refused_for_their_reason() -> None:
    found = {name: find(document) for name, document in real_documents("mcp/examples/invalid")}
    assert {
        name: [(f.path, f.reference) for f in findings if f.severity == "error"] for name, findings in found.items()
    } == {
        "bad-name-pattern.json": [("name", "schema-name")],
        "description-too-long.json": [("description", "schema-string-too-long")],
        "missing-name.json": [("name", "schema-required")],
        "package-version-latest.json": [("packages[0].version", "schema-version")],
        "positional-argument-missing-value.json": [("packages[0].packageArguments[0]", "schema-positional")],
    }


def full_document() -> Json:
    """One that has every part there is."""
    argument = {"type": "named", "name": "--port", "value": "1", "default": "2", "variables": {"a": {"choices": ["b"]}}}
    transport = {"type": "sse", "url": "http://localhost:{--port}/{hint}", "headers": [{"name": "X"}]}
    return publishable(
        title="Database",
        websiteUrl="https://acme.example",
        repository={**REPOSITORY, "subfolder": "src"},
        icons=[{**ICON, "sizes": ["any"], "theme": "dark"}],
        packages=[
            npm(transport=transport, packageArguments=[argument, {"type": "positional", "valueHint": "hint"}]),
            image(environmentVariables=[{"name": "A"}]),
            bundle(),
        ],
        remotes=[remote(variables={"a": {"default": "b"}}, url="https://{a}.example/mcp")],
        _meta={PUBLISHER_PROVIDED: {"x": {"y": [1]}}},
        status="active",
    )


@cache
def places() -> list[tuple[Any, ...]]:
    return find_places(full_document())


ODD: list[Any] = [None, True, -1, 1.5, 2**70, "", " ", "\ud800", "x" * 300, "https://[", "https://a:b", "{", "{}}{"]
ODD += ["http://{", "https://{a}", "//", "a@b:c", "@", ":", "/", [], [[]], [None], [{}], {}, {"": {}}, {"type": []}]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_no_change_of_a_real_document_raises(data: st.DataObject) -> None:
    document = full_document()
    for *way, last in data.draw(st.lists(st.sampled_from(places()), min_size=1, max_size=4)):
        parent: Any = document
        with suppress(KeyError, IndexError, TypeError):  # an earlier change may have replaced what leads there
            for key in way:
                parent = parent[key]
            parent[last] = copy.deepcopy(data.draw(st.sampled_from(ODD) | JSON_VALUES))
    policy = PublishPolicy(package_base_urls=("https://npm.example.org", "https://[", "x"))
    issues = check_publishable(document, policy)
    assert len({(issue.path, issue.message) for issue in issues}) == len(issues)
    assert orjson.loads(orjson.dumps(issues)) == [
        {field: getattr(issue, field) for field in ("type", "path", "message", "severity", "reference")}
        for issue in issues
    ]


@settings(deadline=None)
@given(document=st.dictionaries(st.text() | st.sampled_from(list(full_document())), JSON_VALUES))
def test_arbitrary_values_never_raise(document: Json) -> None:
    assert all(issue.message and issue.reference for issue in check_publishable(document, PublishPolicy()))


def test_large_document_is_judged_in_one_pass() -> None:
    """Code that compared each with each would not come to an end here."""
    names = [f"V{number:05}" for number in range(20_000)]
    url = "https://acme.example/" + "".join(f"{{{name}}}" for name in names)
    package_url = url.replace("https", "http")
    large = npm(transport={"type": "sse", "url": package_url}, environmentVariables=[{"name": name} for name in names])
    good = remote(url=url, variables={name: {} for name in names})
    assert find(publishable(packages=[large], remotes=[good])) == []
    [missing] = check_publishable(publishable(remotes=[remote(url=url)]), PublishPolicy())
    shown = ", ".join(f"{{{name}}}" for name in names[:10])
    assert missing.message == f"uses {shown} and 19990 more, which nothing describes; describe it under variables"


def test_many_equal_packages_are_judged_in_one_pass() -> None:
    items = [npm(identifier=f"db-{number * 7919 % 10_000}") for number in range(20_000)]
    policy = PublishPolicy(package_base_urls=("https://npm.example.org",))
    found = find(publishable(packages=items, remotes=[remote()] * 20_000), policy)
    assert [len([f for f in found if f.reference == name]) for name in ("duplicate-package", "duplicate-remote")] == [
        10_000,
        19_999,
    ]


def test_faults_behind_a_long_key_do_not_multiply_it() -> None:
    choices = {"choices": [1] * 100_000, "value": 1}
    issues = check_publishable(publishable(remotes=[remote(variables={"k" * 300_000: choices})]), PublishPolicy())
    start = f"remotes[0].variables.{'k' * 300_000}"
    assert [issue.path for issue in issues] == [f"{start}.value", f"{start}.choices[0]"]
