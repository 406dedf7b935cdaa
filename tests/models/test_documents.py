"""Every rule of server.json: what keeps it passes, what breaks it is named once, with its path."""

from __future__ import annotations

import copy
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.documents import check_server
from tests.sources.samples import (
    JSON_VALUES,
    PUBLISHER_PROVIDED,
    Json,
    package,
    real_documents,
    schema_validator,
    server,
)

URI = "must be an absolute URI such as https://example.com/page"
HTTP_URL = "must be a URL that starts with http:// or https:// and holds no white space"
LOCAL = "must be 'stdio', 'streamable-http' or 'sse'"
REMOTE = "must be 'streamable-http' or 'sse'"


def texts(document: Any) -> list[str]:
    return [str(violation) for violation in check_server(document)]


def in_package(**changes: Any) -> Json:
    return server(packages=[package(**changes)])


def in_argument(**argument: Any) -> Json:
    return in_package(packageArguments=[argument])


FAULTS: list[tuple[Json, str]] = [
    (server(description=""), "description: must not be empty"),
    (server(description="x" * 101), "description: must have at most 100 characters, has 101"),
    (server(title=""), "title: must not be empty"),
    (server(title="x" * 101), "title: must have at most 100 characters, has 101"),
    (server(title=None), "title: must be a string"),
    (server(version=1), "version: must be a string"),
    (server(websiteUrl="example.com"), f"websiteUrl: {URI}"),
    (server(**{"$schema": ""}), f"$schema: {URI}"),
    (server(repository={"source": "github"}), "repository.url: is required"),
    (server(repository={"url": "https://x.example/y"}), "repository.source: is required"),
    (server(repository="https://x.example/y"), "repository: must be an object"),
    (server(icons=[{}]), "icons[0].src: is required"),
    (server(icons=[{"src": "icon.png"}]), f"icons[0].src: {URI}"),
    (server(icons=[{"src": "a:" + "x" * 254}]), "icons[0].src: must have at most 255 characters, has 256"),
    (
        server(icons=[{"src": "a:b", "mimeType": "image/gif"}]),
        "icons[0].mimeType: must be 'image/png', 'image/jpeg', 'image/jpg', 'image/svg+xml' or 'image/webp'",
    ),
    (
        server(icons=[{"src": "a:b", "sizes": ["any", "big"]}]),
        'icons[0].sizes[1]: must be a size such as "48x48", or "any"',
    ),
    (server(icons=[{"src": "a:b", "theme": "blue"}]), "icons[0].theme: must be 'light' or 'dark'"),
    (server(_meta=[]), "_meta: must be an object"),
    (server(_meta={PUBLISHER_PROVIDED: 1}), f'_meta["{PUBLISHER_PROVIDED}"]: must be an object'),
    (server(packages={}), "packages: must be an array"),
    (server(packages=["x"]), "packages[0]: must be an object"),
    (in_package(identifier=None), "packages[0].identifier: must be a string"),
    (in_package(registryBaseUrl="npm"), f"packages[0].registryBaseUrl: {URI}"),
    (in_package(version=""), "packages[0].version: must not be empty"),
    (in_package(fileSha256="A" * 64), "packages[0].fileSha256: must be 64 hexadecimal digits in lower case"),
    (in_package(transport="stdio"), "packages[0].transport: must be an object"),
    (in_package(transport={}), f"packages[0].transport.type: {LOCAL}"),
    (in_package(transport={"type": "http"}), f"packages[0].transport.type: {LOCAL}"),
    (in_package(transport={"type": "sse"}), "packages[0].transport.url: is required"),
    (in_package(transport={"type": "sse", "url": "/mcp"}), f"packages[0].transport.url: {HTTP_URL}"),
    (in_package(environmentVariables=[{}]), "packages[0].environmentVariables[0].name: is required"),
    (
        in_package(environmentVariables=[{"name": "A", "isRequired": "yes"}]),
        "packages[0].environmentVariables[0].isRequired: must be true or false",
    ),
    (
        in_argument(type="positional"),
        "packages[0].packageArguments[0]: a positional argument needs a value or a valueHint",
    ),
    (in_argument(type="named"), "packages[0].packageArguments[0].name: is required"),
    (in_argument(type="flag", name="x"), "packages[0].packageArguments[0].type: must be 'positional' or 'named'"),
    (in_argument(name="x"), "packages[0].packageArguments[0].type: must be 'positional' or 'named'"),
    (
        in_argument(type="named", name="x", variables={"a b": {"format": "date"}}),
        'packages[0].packageArguments[0].variables["a b"].format: must be'
        " 'string', 'number', 'boolean' or 'filepath'",
    ),
    (server(remotes=[{"type": "stdio"}]), f"remotes[0].type: {REMOTE}"),
    (server(remotes=[{"type": "sse", "url": "https://a b"}]), f"remotes[0].url: {HTTP_URL}"),
    (
        server(remotes=[{"type": "sse", "url": "https://a.example", "headers": [{"name": 1}]}]),
        "remotes[0].headers[0].name: must be a string",
    ),
    (
        server(remotes=[{"type": "sse", "url": "https://a.example", "variables": {"stdio": {"choices": "x"}}}]),
        "remotes[0].variables.stdio.choices: must be an array",
    ),
]


@pytest.mark.parametrize(("document", "expected"), FAULTS, ids=[text.partition(":")[0] for _, text in FAULTS])
def test_broken_rule_is_named_once_with_its_path(document: Json, expected: str) -> None:
    assert texts(document) == [expected]


def test_all_broken_rules_are_named_at_once() -> None:
    found = check_server({"description": "", "version": "latest", "packages": [package(transport={"type": "x"})]})
    assert [violation.path for violation in found] == [
        "name",
        "description",
        "version",
        "packages[0].transport.type",
    ]


@pytest.mark.parametrize("name", ["ab/cd", "io.github.user/My_Server.v2", "A1/b-2", "a" * 100 + "/" + "b" * 99])
def test_legal_name_passes(name: str) -> None:
    assert texts(server(name=name)) == []


@pytest.mark.parametrize(
    "name",
    [
        "",
        "db",
        "/cd",
        "ab/",
        "ab/cd/ef",
        "-ab/cd",
        "ab./cd",
        "ab/_cd",
        "ab/cd-",
        "a_b/cd",
        "ab/cd\n",
        "äb/cd",
        "ab cd/ef",
        "a" * 100 + "/" + "b" * 100,
    ],
)
def test_illegal_name_is_refused_with_the_rule(name: str) -> None:
    [text] = texts(server(name=name))
    assert text.startswith("name: must be namespace/name")


def test_name_with_an_unfilled_template_is_refused_as_such() -> None:
    assert texts(server(name="{{owner}}/{{name}}")) == [
        "name: holds a template that was never filled in; write the name itself"
    ]


@pytest.mark.parametrize(
    "version",
    ["1.0.0", "v1.0", "1.0.1º", "{{VERSION}}", "auto", "2025-06-18", "1.0.0-x.1", "1.0+pr-1", "x", "1.0-2", "v" * 255],
)
def test_any_single_version_passes(version: str) -> None:
    assert texts(server(version=version)) == []


@pytest.mark.parametrize(
    "version",
    [
        "^1.2.3",
        "~1",
        ">=1.2",
        "<2.0",
        "= 1.0.0",
        " ^1.0 ",
        "1.x",
        "1.2.*",
        "1.X.3",
        "1.0 - 2.0",
        "1.0 || ^2.0",
        ">1 <2",
    ],
)
def test_range_of_versions_is_refused(version: str) -> None:
    assert texts(server(version=version)) == ['version: must be one version such as "1.0.0", not a range of versions']


@pytest.mark.parametrize("version", ["", "  ", "latest", "v" * 256])
def test_blank_floating_or_endless_version_is_refused(version: str) -> None:
    assert len(texts(server(version=version))) == 1


def test_unknown_keys_pass_everywhere() -> None:
    document = server(
        x={"any": [1]},
        packages=[package(x=1, transport={"type": "stdio", "x": 1}, packageArguments=[])],
        remotes=[{"type": "sse", "url": "https://{host}/mcp", "x": 1, "variables": {"host": {"x": 1}}}],
        _meta={"com.example/x": 1, PUBLISHER_PROVIDED: {"x": 1}},
    )
    assert texts(document) == []


@pytest.mark.parametrize("folder", ["valid", "from-docs"])
def test_published_examples_pass(folder: str) -> None:
    documents = dict(real_documents(f"mcp/examples/{folder}"))
    assert documents
    assert {name: texts(document) for name, document in documents.items()} == {name: [] for name in documents}


def test_published_bad_examples_are_refused_for_their_reason() -> None:
    found = {name: [v.path for v in check_server(doc)] for name, doc in real_documents("mcp/examples/invalid")}
    assert found == {
        "bad-name-pattern.json": ["name"],
        "description-too-long.json": ["description"],
        "missing-name.json": ["name"],
        "package-version-latest.json": ["packages[0].version"],
        "positional-argument-missing-value.json": ["packages[0].packageArguments[0]"],
    }


def find_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    keys = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, child in keys for place in ((*path, key), *find_places(child, (*path, key)))]


@cache
def published_examples() -> list[Json]:
    return [doc for folder in ("valid", "from-docs") for _, doc in real_documents(f"mcp/examples/{folder}")]


POOL: list[Any] = [None, True, 0, 1.5, "", " ", "x", "x" * 101, "0" * 64, "1x1", "any", "number"]
POOL += ["named", "positional", "stdio", "sse", "streamable-http", "https://[::1]:80/", "https://a.example/{b}?c#d"]
POOL += ["a:b", "a b", "http://", "//a", "mailto:a@b", "https://a.example/%zz", "https://a.example/ä"]
POOL += [[], ["x"], [{}], {}, {"type": "sse"}, {"type": "stdio"}, {"x": {}}, {"x": {"format": "x"}}, {"src": "a:b"}]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_verdict_agrees_with_the_published_schema(data: st.DataObject) -> None:
    """After one change somewhere in a good document, its name and version apart, both refuse it or neither does."""
    document = copy.deepcopy(data.draw(st.sampled_from(published_examples())))
    places = [place for place in find_places(document) if place not in (("name",), ("version",))]
    *way, last = data.draw(st.sampled_from(places))
    parent: Any = document
    for key in way:
        parent = parent[key]
    if data.draw(st.booleans()):
        del parent[last]
    else:
        parent[last] = data.draw(st.sampled_from(POOL))
    published = [error.message for error in schema_validator().iter_errors(document)]
    assert bool(check_server(document)) == bool(published), (document, published)


@settings(deadline=None)
@given(document=st.dictionaries(st.text() | st.sampled_from(list(server(packages=0, remotes=0))), JSON_VALUES))
def test_arbitrary_values_never_raise(document: Json) -> None:
    assert all(violation.message for violation in check_server(document))
