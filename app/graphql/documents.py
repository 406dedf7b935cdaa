"""The parts of a server.json as GraphQL types, built from the parsed document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.scalars import JSON

from app.graphql.parts import Part
from app.models.documents import PUBLISHER_PROVIDED


@strawberry.type(description="Where a server's source code is.")
class Repository:
    url: str = strawberry.field(description="The URL to browse or clone.")
    source: str = strawberry.field(description="The hosting service, e.g. `github`.")
    id: str | None = strawberry.field(description="The repository's id at the hosting service.")
    subfolder: str | None = strawberry.field(description="The server's folder within the repository.")

    @classmethod
    def of(cls, value: Part) -> Repository:
        return cls(
            url=value.text("url") or "",
            source=value.text("source") or "",
            id=value.text("id"),
            subfolder=value.text("subfolder"),
        )


@strawberry.type(description="An icon that a user interface may show.")
class Icon:
    src: str = strawberry.field(description="The icon's URL.")
    mime_type: str | None = strawberry.field(description="The icon's media type.")
    sizes: list[str] = strawberry.field(description="The sizes it suits, e.g. `48x48` or `any`.")
    theme: str | None = strawberry.field(description="The background it is made for: `light` or `dark`.")

    @classmethod
    def of(cls, value: Part) -> Icon:
        return cls(
            src=value.text("src") or "",
            mime_type=value.text("mimeType"),
            sizes=value.texts("sizes"),
            theme=value.text("theme"),
        )


@strawberry.type(description="A value that somebody gives: an argument, an environment variable, a header, a variable.")
class Input:
    name: str | None = strawberry.field(description="The name of the flag, environment variable, header or variable.")
    type: str | None = strawberry.field(description="For arguments: `positional` or `named`.")
    description: str | None = strawberry.field(description="What the value is for.")
    is_required: bool = strawberry.field(description="Whether the server needs it.")
    is_secret: bool = strawberry.field(description="Whether it must be kept secret.")
    is_repeated: bool = strawberry.field(description="For arguments: whether it may be given several times.")
    format: str | None = strawberry.field(description="`string`, `number`, `boolean` or `filepath`.")
    value: str | None = strawberry.field(description="The value, where it is fixed; may hold `{variables}`.")
    value_hint: str | None = strawberry.field(description="For positional arguments: what the value is called.")
    default: str | None = strawberry.field(description="The value that is used when none is given.")
    placeholder: str | None = strawberry.field(description="An example to show in a form.")
    choices: list[str] = strawberry.field(description="The values that are allowed; empty for any.")
    variables: list[Input] = strawberry.field(description="The variables that `value` refers to.")

    @classmethod
    def of(cls, value: Part, name: str | None = None) -> Input:
        return cls(
            name=name or value.text("name"),
            type=value.text("type"),
            description=value.text("description"),
            is_required=value.flag("isRequired"),
            is_secret=value.flag("isSecret"),
            is_repeated=value.flag("isRepeated"),
            format=value.text("format"),
            value=value.text("value"),
            value_hint=value.text("valueHint"),
            default=value.text("default"),
            placeholder=value.text("placeholder"),
            choices=value.texts("choices"),
            variables=_variables(value),
        )


@strawberry.type(description="How a client talks to a server.")
class Transport:
    type: str = strawberry.field(description="`stdio`, `streamable-http` or `sse`.")
    url: str | None = strawberry.field(description="The URL for the HTTP transports; may hold `{variables}`.")
    headers: list[Input] = strawberry.field(description="HTTP headers to send.")
    variables: list[Input] = strawberry.field(description="The variables that `url` refers to.")

    @classmethod
    def of(cls, value: Part) -> Transport:
        return cls(
            type=value.text("type") or "",
            url=value.text("url"),
            headers=_inputs(value, "headers"),
            variables=_variables(value),
        )


@strawberry.type(description="A package that holds the server, to be run by the client.")
class Package:
    registry_type: str = strawberry.field(description="The kind of package: `npm`, `pypi`, `oci`, `nuget`, `mcpb` …")
    registry_base_url: str | None = strawberry.field(description="The package registry, where it is not the usual one.")
    identifier: str = strawberry.field(description="The package's name, image reference or URL.")
    version: str | None = strawberry.field(description="The package's version.")
    file_sha256: str | None = strawberry.field(
        name="fileSha256", description="The SHA-256 of the package file, in hex."
    )
    runtime_hint: str | None = strawberry.field(description="The command that fits, e.g. `npx` or `docker`.")
    transport: Transport = strawberry.field(description="How to talk to the server once it runs.")
    runtime_arguments: list[Input] = strawberry.field(description="Arguments of the runtime command.")
    package_arguments: list[Input] = strawberry.field(description="Arguments of the server itself.")
    environment_variables: list[Input] = strawberry.field(description="Environment variables to set.")

    @classmethod
    def of(cls, value: Part) -> Package:
        return cls(
            registry_type=value.text("registryType") or "",
            registry_base_url=value.text("registryBaseUrl"),
            identifier=value.text("identifier") or "",
            version=value.text("version"),
            file_sha256=value.text("fileSha256"),
            runtime_hint=value.text("runtimeHint"),
            transport=Transport.of(value.part("transport")),
            runtime_arguments=_inputs(value, "runtimeArguments"),
            package_arguments=_inputs(value, "packageArguments"),
            environment_variables=_inputs(value, "environmentVariables"),
        )


def publisher_metadata(document: Mapping[str, Any]) -> JSON | None:
    return Part(document).part("_meta").json(PUBLISHER_PROVIDED)


def _inputs(value: Part, key: str) -> list[Input]:
    return [Input.of(item) for item in value.parts(key)]


def _variables(value: Part) -> list[Input]:
    return [Input.of(variable, name) for name, variable in value.named("variables")]
