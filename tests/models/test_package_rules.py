"""The publish rules of packages, transports and arguments: good values pass, bad ones are named with path and rule."""

from __future__ import annotations

import pytest

from app.models.documents import PublishPolicy, Severity, check_publishable
from tests.models.publishable import Finding, bundle, find, image, in_package, npm, publishable, remote
from tests.sources.samples import Json, package

NPM = "https://npm.example.org"
RELEASE = "https://github.com/acme/db-mcp/releases/download/v1"


def in_remote(**changes: object) -> Json:
    return publishable(packages=[], remotes=[remote(**changes)])


def in_argument(**argument: object) -> Json:
    return in_package(packageArguments=[argument])


def named(name: str, **changes: object) -> Json:
    return in_argument(type="named", name=name, **changes)


def local(url: str, **changes: object) -> Json:
    return in_package(transport={"type": "streamable-http", "url": url}, **changes)


GOOD: list[Json] = [
    *(publishable(packages=[npm(registryType=name)]) for name in ("npm", "pypi", "nuget", "cargo")),
    in_package(registryBaseUrl=NPM),
    in_package(version="v" * 255),
    publishable(packages=[image(), image(identifier="db"), image(identifier=f"acme/db@sha256:{'0' * 64}")]),
    publishable(packages=[bundle(), bundle(version="1.0.0")]),
    publishable(packages=[bundle(identifier="https://www.github.com/acme/mcp/releases/download/v1/db.mcpb")]),
    publishable(packages=[npm(), npm(version="1.0.1"), npm(transport={"type": "sse", "url": "http://localhost"})]),
    publishable(packages=[bundle(identifier="https://gitlab.com/a/b/mcp/-/releases/v1/downloads/bin/db.mcpb")]),
    publishable(packages=[bundle(identifier="https://gitlab.com/a/mcp/-/package_files/12/download")]),
    local("http://localhost:{port}/mcp", environmentVariables=[{"name": "port"}]),
    local("http://127.0.0.1:{--port}/mcp", packageArguments=[{"type": "named", "name": "--port"}]),
    local("https://{host}/{host}", runtimeArguments=[{"type": "positional", "valueHint": "host"}]),
    in_package(transport={"type": "stdio", "url": ""}),
    in_remote(),
    in_remote(type="sse", url="https://{tenant}.example.com/mcp", variables={"tenant": {}}),
    in_remote(url="https://{a}:{b}/{c}?d={e}#{f}", variables={key: {} for key in "abcdef"}),
    *(in_remote(url=f"https://{host}/") for host in ("localhost.example", "mylocalhost", "10.0.0.1", "[2001:db8::1]")),
    publishable(remotes=[remote(), remote(type="sse"), remote(url="https://acme.example/2")]),
    named("--port", value="8080", default="80--port"),
    named("verbose"),
    in_argument(type="positional", name="a b", value="a b", valueHint="<file>"),
]


@pytest.mark.parametrize("document", GOOD)
def test_package_or_remote_that_keeps_every_rule_has_no_issue(document: Json) -> None:
    assert find(document) == []


KIND_ERRORS: list[tuple[Json, str, str]] = [
    *(
        (package(registryType=name), "version", "package-version-required")
        for name in ("npm", "pypi", "nuget", "cargo")
    ),
    *(
        (npm(registryType=name, fileSha256="0" * 64), "fileSha256", "package-file-sha256-forbidden")
        for name in ("npm", "pypi", "nuget", "cargo")
    ),
    (image(registryBaseUrl="https://docker.io"), "registryBaseUrl", "package-base-url-forbidden"),
    (image(version="1.0.0"), "version", "package-version-forbidden"),
    (image(fileSha256="0" * 64), "fileSha256", "package-file-sha256-forbidden"),
    (package(registryType="mcpb", identifier=f"{RELEASE}/db"), "fileSha256", "package-file-sha256-required"),
    (bundle(registryBaseUrl="https://github.com"), "registryBaseUrl", "package-base-url-forbidden"),
    (bundle(identifier="http://github.com/acme/mcp/releases/download/v1/db"), "identifier", "mcpb-identifier"),
    (bundle(identifier="db.mcpb"), "identifier", "mcpb-identifier"),
    (bundle(identifier="https://<host>/mcp"), "identifier", "mcpb-identifier"),
    (npm(identifier="@acme/ db"), "identifier", "package-identifier"),
    (npm(identifier="db\n"), "identifier", "package-identifier"),
    (npm(identifier=""), "identifier", "package-identifier"),
    (npm(identifier="--registry=https://evil.example"), "identifier", "package-identifier"),
    *(
        (npm(version=version), "version", "package-version")
        for version in ("^1.2.3", ">= 1", "1.x", "1.2.*", "1.0 - 2.0", "1 || 2", " latest", " ", "v" * 256)
    ),
]


@pytest.mark.parametrize(("given", "key", "reference"), KIND_ERRORS)
def test_broken_rule_of_a_package_is_an_error_with_its_path(given: Json, key: str, reference: str) -> None:
    document = publishable(packages=[npm(identifier="first"), given])
    assert find(document) == [Finding(f"packages[1].{key}", reference, "error")]


@pytest.mark.parametrize(
    ("given", "key", "reference"),
    [
        (package(registryType="helm"), "registryType", "registry-type-unknown"),
        (npm(registryType="NPM"), "registryType", "registry-type-unknown"),
        (bundle(identifier="https://files.acme.example/mcp/db.mcpb"), "identifier", "mcpb-release"),
        (bundle(identifier="https://github.com/acme/mcp/raw/main/db.mcpb"), "identifier", "mcpb-release"),
        (bundle(identifier="https://gitlab.com/acme/mcp/-/raw/main/db.mcpb"), "identifier", "mcpb-release"),
        (bundle(identifier="https://github.com/acme/db/releases/download/v1/db.zip"), "identifier", "mcpb-release"),
    ],
)
def test_unusual_package_is_a_warning_with_its_path(given: Json, key: str, reference: str) -> None:
    assert find(publishable(packages=[given])) == [Finding(f"packages[0].{key}", reference, "warning")]


URL = "packages[0].transport.url"
ARGUMENT = "packages[0].packageArguments[0]"

TRANSPORT_ERRORS: list[tuple[Json, str, list[str]]] = [
    (in_package(transport={"type": "stdio", "url": "http://localhost"}), URL, ["transport-url-forbidden"]),
    (local("http://{port}/"), URL, ["transport-url-variable"]),
    (
        local("http://localhost:{port}/", packageArguments=[{"type": "named", "name": "--port"}]),
        URL,
        ["transport-url-variable"],
    ),
    (local("http:///mcp"), URL, ["transport-url"]),
    (local("http://localhost:x/"), URL, ["transport-url"]),
    (local("http://localhost:0/"), URL, ["transport-url"]),
    (local("http://localhost/{"), URL, ["transport-url"]),
    (local("http://localhost/{}"), URL, ["transport-url"]),
    (local("http://local\x7fhost/mcp"), URL, ["transport-url"]),
    (local("http://<host>/mcp"), URL, ["transport-url"]),
    (local("http://[::1/mcp"), URL, ["transport-url"]),
    (in_remote(url="http://acme.example/mcp"), "remotes[0].url", ["remote-url-https"]),
    *(
        (in_remote(url=f"https://{host}/mcp"), "remotes[0].url", ["remote-url-localhost"])
        for host in ("localhost", "LOCALHOST:8443", "localhost.", "a.b.localhost", "127.0.0.1", "127.1.2.3:80", "[::1]")
    ),
    *(
        (in_remote(url=f"https://{host}/mcp"), "remotes[0].url", ["remote-url-localhost"])
        for host in ("127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]")  # noqa: S104
    ),
    (in_remote(url="http://localhost/"), "remotes[0].url", ["remote-url-https", "remote-url-localhost"]),
    (in_remote(url="https://{a}.localhost", variables={"a": {}}), "remotes[0].url", ["remote-url-localhost"]),
    (in_remote(url="https://{a}.example"), "remotes[0].url", ["transport-url-variable"]),
    (in_remote(url="https://{a}.example/{b}", variables={"a": {}}), "remotes[0].url", ["transport-url-variable"]),
    (in_remote(url="https://acme.example/{a"), "remotes[0].url", ["transport-url"]),
    (in_remote(url="https://:443/"), "remotes[0].url", ["transport-url"]),
    *(
        (named(name), f"{ARGUMENT}.name", ["argument-name"])
        for name in ("", "--port 8080", "--dir=<folder>", "a>", "$HOME", " ")
    ),
    (named("--port", value="--port=80"), f"{ARGUMENT}.value", ["argument-repeats-name"]),
    (named("--port", default="--port"), f"{ARGUMENT}.default", ["argument-repeats-name"]),
    (
        in_package(runtimeArguments=[{"type": "named", "name": "a b"}]),
        "packages[0].runtimeArguments[0].name",
        ["argument-name"],
    ),
]


@pytest.mark.parametrize(("document", "path", "references"), TRANSPORT_ERRORS)
def test_broken_rule_of_a_transport_or_argument_is_an_error(document: Json, path: str, references: list[str]) -> None:
    assert find(document) == [Finding(path, reference, "error") for reference in references]


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            local("http://{a}:{b}/{a}/{c}", environmentVariables=[{"name": "c"}]),
            "uses {a}, {b}, which nothing describes;"
            " give an environment variable or an argument of the package this name, or this valueHint",
        ),
        (
            in_remote(url=f"https://acme.example/{{{'x' * 90}}}"),
            f"uses {{{'x' * 59}…, which nothing describes; describe it under variables",
        ),
    ],
)
def test_variables_that_nothing_describes_are_named(document: Json, message: str) -> None:
    assert [issue.message for issue in check_publishable(document, PublishPolicy())] == [message]


@pytest.mark.parametrize(
    ("document", "found"),
    [
        (
            publishable(packages=[npm(), image(), npm(runtimeHint="npx")]),
            [Finding("packages[2]", "duplicate-package", "error")],
        ),
        (
            publishable(packages=[image(), image(version=""), image()]),
            [
                Finding("packages[1].version", "schema-string-too-short", "error"),
                Finding("packages[1]", "duplicate-package", "error"),
                Finding("packages[2]", "duplicate-package", "error"),
            ],
        ),
        (
            publishable(remotes=[remote(), remote(url="https://acme.example/2"), remote(headers=[])]),
            [Finding("remotes[2]", "duplicate-remote", "error")],
        ),
        (
            publishable(packages=[npm(identifier=[]), npm(identifier=[])]),
            [Finding(f"packages[{index}].identifier", "schema-string-type", "error") for index in (0, 1)],
        ),
    ],
)
def test_repeated_package_or_remote_is_an_error(document: Json, found: list[Finding]) -> None:
    assert find(document) == found


@pytest.mark.parametrize(
    ("document", "path", "reference"),
    [
        (publishable(packages=[npm(registryType=1)]), "packages[0].registryType", "schema-string-type"),
        (publishable(packages=[npm(registryBaseUrl=1)]), "packages[0].registryBaseUrl", "schema-string-type"),
        (publishable(packages=[image(identifier="")]), "packages[0].identifier", "package-identifier"),
        (in_remote(url="https://{a}.example", variables=["a"]), "remotes[0].variables", "schema-dict-type"),
    ],
)
def test_wrong_or_empty_value_is_told_once_under_a_policy(document: Json, path: str, reference: str) -> None:
    assert find(document, PublishPolicy(package_base_urls=(NPM,))) == [Finding(path, reference, "error")]


def test_repeated_package_names_the_first_one() -> None:
    [issue] = check_publishable(publishable(packages=[image(), npm(), npm()]), PublishPolicy())
    assert issue.message == (
        "is the same as packages[1]: registryType, identifier, version and transport.type are equal; leave one out"
    )


ALLOWED = (NPM, "https://Registry.Example.org/acme/", "https://docker.io/acme", "https://github.com/acme")


@pytest.mark.parametrize(
    "given",
    [
        npm(registryBaseUrl=NPM),
        npm(registryBaseUrl="HTTPS://NPM.example.org:443/team/"),
        npm(registryBaseUrl="https://npm.example.org."),
        package(registryType="helm", registryBaseUrl="https://registry.example.org/acme/charts?x=/../"),
        image(identifier="registry.example.org/acme/db:1"),
        image(identifier="registry.example.org:443/acme/tools/db"),
        image(identifier="acme/db:1.0.0"),
        image(identifier=f"docker.io/acme/db@sha256:{'0' * 64}"),
        bundle(),
    ],
)
def test_package_from_an_allowed_place_passes(given: Json) -> None:
    found = find(publishable(packages=[given]), PublishPolicy(package_base_urls=ALLOWED))
    assert [finding for finding in found if finding.severity == Severity.ERROR] == []


@pytest.mark.parametrize(
    ("given", "key"),
    [
        (npm(), "registryBaseUrl"),
        (npm(registryBaseUrl="http://npm.example.org"), "registryBaseUrl"),
        (npm(registryBaseUrl="http://npm.example.org:443"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://npm.example.org:8443"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://npm.example.org.evil.example"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://npm.example.org@evil.example"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://user@npm.example.org"), "registryBaseUrl"),
        (npm(registryBaseUrl="urn:npm"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com/acme2"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com/Acme"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com//acme"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com/acme/../evil"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com/acme/%2e%2E/evil"), "registryBaseUrl"),
        (npm(registryBaseUrl="https://github.com/acme%2f..%5cevil"), "registryBaseUrl"),
        (image(), "identifier"),
        (image(identifier="db"), "identifier"),
        (image(identifier="evil/acme/db"), "identifier"),
        (image(identifier="registry.example.org/acme/../evil/db"), "identifier"),
        (image(identifier="registry.example.org:5000/acme/db"), "identifier"),
        (image(identifier="localhost/acme/db"), "identifier"),
        (image(identifier="https://registry.example.org/acme/db"), "identifier"),
        (bundle(identifier="https://github.com/evil/mcp/releases/download/v1/db.mcpb"), "identifier"),
    ],
)
def test_package_from_elsewhere_is_refused_under_a_policy(given: Json, key: str) -> None:
    assert find(publishable(packages=[given])) == []
    found = find(publishable(packages=[given]), PublishPolicy(package_base_urls=ALLOWED))
    assert found == [Finding(f"packages[0].{key}", "package-base-url", "error")]


@pytest.mark.parametrize(
    ("registry_type", "identifier"),
    [
        ("npm", "https://evil.example/x.tgz"),
        ("npm", "github:evil/x"),
        ("npm", "evil/x"),
        ("npm", "x@npm:evil"),
        ("pypi", "x[extra]@https://evil.example"),
        ("docker", "evil.example/x:1"),
        ("OCI", "evil.example/x"),
    ],
)
def test_identifier_cannot_lead_elsewhere_under_a_policy(registry_type: str, identifier: str) -> None:
    given = npm(registryType=registry_type, identifier=identifier, registryBaseUrl=NPM)
    found = find(publishable(packages=[given]), PublishPolicy(package_base_urls=ALLOWED))
    errors = [finding for finding in found if finding.severity == Severity.ERROR]
    assert errors == [Finding("packages[0].identifier", "package-base-url", "error")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (npm(), "must be given, one of https://npm.example.org, https://pypi.example.org"),
        (image(), "must lead to one of https://npm.example.org, https://pypi.example.org"),
    ],
)
def test_refusal_lists_the_allowed_places(given: Json, message: str) -> None:
    policy = PublishPolicy(package_base_urls=(NPM, "https://pypi.example.org"))
    [issue] = check_publishable(publishable(packages=[given]), policy)
    assert issue.message == message


@pytest.mark.parametrize("identifier", ["db", "db:1", "library/db", "docker.io/db", "docker.io/library/db@sha256:00"])
def test_image_without_a_folder_is_in_docker_hubs_library(identifier: str) -> None:
    document = publishable(packages=[image(identifier=identifier)])
    assert find(document, PublishPolicy(package_base_urls=("https://docker.io/library",))) == []


def test_local_registry_is_a_host_in_an_image() -> None:
    policy = PublishPolicy(package_base_urls=("https://localhost/acme", "https://cache:5000"))
    images = [image(identifier="localhost/acme/db"), image(identifier="cache:5000/db")]
    assert find(publishable(packages=images), policy) == []
    assert find(publishable(packages=[image(identifier="cache/db")]), policy) == [
        Finding("packages[0].identifier", "package-base-url", "error")
    ]
