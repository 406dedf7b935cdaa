"""ToolHive's extension of a server.json as GraphQL types.

It stands at `_meta` › publisher-provided › `io.github.stacklok` › the image or URL that it is about. Nothing checks it
when a source is fetched, so whatever is not as it should be is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import strawberry
from strawberry.scalars import JSON

from app.graphql.documents import Input
from app.graphql.parts import Part
from app.models.documents import PUBLISHER_PROVIDED
from app.sources.documents import TOOLHIVE

_KUBERNETES: Final = ("kind", "namespace", "name", "uid", "image", "transport")


@strawberry.type(description="A tool that the server offers, as a client of it would see it.")
class ToolDefinition:
    name: str = strawberry.field(description="The name by which it is called.")
    title: str | None = strawberry.field(description="The name to show.")
    description: str | None = strawberry.field(description="What it does.")
    input_schema: JSON | None = strawberry.field(description="The JSON Schema of its arguments.")
    output_schema: JSON | None = strawberry.field(description="The JSON Schema of its result.")
    annotations: JSON | None = strawberry.field(description="Hints on how it behaves, e.g. `readOnlyHint`.")

    @classmethod
    def of(cls, name: str, value: Part) -> ToolDefinition:
        return cls(
            name=name,
            title=value.text("title") or value.part("annotations").text("title"),
            description=value.text("description"),
            input_schema=value.json("inputSchema"),
            output_schema=value.json("outputSchema"),
            annotations=value.json("annotations"),
        )


@strawberry.type(description="Where the server may connect to.")
class OutboundPermissions:
    insecure_allow_all: bool = strawberry.field(description="Whether it may connect to anywhere.")
    allow_host: list[str] = strawberry.field(description="The hosts it may connect to; `.example.com` for a domain.")
    allow_port: list[int] = strawberry.field(description="The ports it may connect to.")

    @classmethod
    def of(cls, value: Part) -> OutboundPermissions:
        return cls(
            insecure_allow_all=value.flag("insecure_allow_all"),
            allow_host=value.texts("allow_host"),
            allow_port=value.numbers("allow_port"),
        )


@strawberry.type(description="What the server may do on the network.")
class NetworkPermissions:
    outbound: OutboundPermissions | None = strawberry.field(description="Connections that it makes.")

    @classmethod
    def of(cls, value: Part) -> NetworkPermissions:
        return cls(outbound=value.make("outbound", OutboundPermissions.of))


@strawberry.type(description="What the server's container needs to be allowed.")
class Permissions:
    name: str | None = strawberry.field(description="The name of the permission profile.")
    network: NetworkPermissions | None = strawberry.field(description="What it may do on the network.")
    read: list[str] = strawberry.field(description="The paths of the host that it reads.")
    write: list[str] = strawberry.field(description="The paths of the host that it writes.")
    privileged: bool = strawberry.field(description="Whether the container runs with all rights.")

    @classmethod
    def of(cls, value: Part) -> Permissions:
        return cls(
            name=value.text("name"),
            network=value.make("network", NetworkPermissions.of),
            read=value.texts("read"),
            write=value.texts("write"),
            privileged=value.flag("privileged"),
        )


@strawberry.type(description="What proves where the server's image was built.")
class Provenance:
    sigstore_url: str | None = strawberry.field(description="The Sigstore host to check the signature with.")
    repository_uri: str | None = strawberry.field(description="The repository it was built from.")
    repository_ref: str | None = strawberry.field(description="The branch or tag it was built from.")
    signer_identity: str | None = strawberry.field(description="Who signed it, e.g. the path of a workflow.")
    runner_environment: str | None = strawberry.field(description="Where it was built, e.g. `github-hosted`.")
    cert_issuer: str | None = strawberry.field(description="Who issued the signer's certificate.")
    attestation: JSON | None = strawberry.field(description="The verified statement on how it was built.")

    @classmethod
    def of(cls, value: Part) -> Provenance:
        return cls(
            sigstore_url=value.text("sigstore_url"),
            repository_uri=value.text("repository_uri"),
            repository_ref=value.text("repository_ref"),
            signer_identity=value.text("signer_identity"),
            runner_environment=value.text("runner_environment"),
            cert_issuer=value.text("cert_issuer"),
            attestation=value.json("attestation"),
        )


@strawberry.type(description="How much the server is used, and where it runs.")
class ToolHiveMetadata:
    stars: int | None = strawberry.field(description="The stars of its repository.")
    pulls: int | None = strawberry.field(description="How often its image was pulled.")
    last_updated: datetime | None = strawberry.field(description="When these figures were taken.")
    kubernetes: JSON | None = strawberry.field(
        description="The resource of a Kubernetes cluster that it stands for: `kind`, `namespace`, `name`, `uid` …"
    )

    @classmethod
    def of(cls, value: Part) -> ToolHiveMetadata:
        # Up to version 0.4.9 these were keys of the metadata itself.
        older = {name: text for name in _KUBERNETES if (text := value.text(f"kubernetes_{name}")) is not None}
        return cls(
            stars=value.number("stars"),
            pulls=value.number("pulls"),
            last_updated=value.time("last_updated"),
            kubernetes=value.json("kubernetes") or (JSON(older) if older else None),
        )


@strawberry.type(description="What ToolHive knows of a version beside its server.json.")
class ToolHive:
    key: str = strawberry.field(description="The image or URL that this is about: one of the packages or remotes.")
    status: str | None = strawberry.field(description="How the publisher says it stands: `Active` or `Deprecated`.")
    tier: str | None = strawberry.field(description="Who stands behind it: `Official` or `Community`.")
    tags: list[str] = strawberry.field(description="Tags to find it by.")
    tools: list[str] = strawberry.field(description="The names of its tools.")
    tool_definitions: list[ToolDefinition] = strawberry.field(description="Its tools in full, where they are told.")
    overview: str | None = strawberry.field(description="A longer description, in Markdown.")
    permissions: Permissions | None = strawberry.field(description="What its container needs to be allowed.")
    provenance: Provenance | None = strawberry.field(description="What proves where its image was built.")
    args: list[str] = strawberry.field(description="Arguments to run the image with.")
    docker_tags: list[str] = strawberry.field(description="The tags that the image has.")
    environment_variables: list[Input] = strawberry.field(
        description="Environment variables that a client of a remote server sets."
    )
    proxy_port: int | None = strawberry.field(description="The port of the proxy in front of it; null for any.")
    stateless: bool = strawberry.field(description="Whether it takes POST requests only.")
    oauth_config: JSON | None = strawberry.field(description="How to log in to a remote server, as it came.")
    metadata: ToolHiveMetadata | None = strawberry.field(description="How much it is used, and where it runs.")
    custom_metadata: JSON | None = strawberry.field(description="What the publisher added of its own, as it came.")

    @classmethod
    def of(cls, key: str, value: Part) -> ToolHive:
        definitions = [(tool.text("name"), tool) for tool in value.parts("tool_definitions")]
        return cls(
            key=key,
            status=value.text("status"),
            tier=value.text("tier"),
            tags=value.texts("tags"),
            tools=value.texts("tools"),
            tool_definitions=[ToolDefinition.of(name, tool) for name, tool in definitions if name],
            overview=value.text("overview"),
            permissions=value.make("permissions", Permissions.of),
            provenance=value.make("provenance", Provenance.of),
            args=value.texts("args"),
            docker_tags=value.texts("docker_tags"),
            environment_variables=[_variable(item) for item in value.parts("env_vars")],
            proxy_port=value.number("proxy_port"),
            stateless=value.flag("stateless"),
            oauth_config=value.json("oauth_config"),
            metadata=value.make("metadata", ToolHiveMetadata.of),
            custom_metadata=value.json("custom_metadata"),
        )


def find_toolhive(document: Mapping[str, Any]) -> ToolHive | None:
    """The extension of the first package or remote that has one; of none of them, the first that there is."""
    whole = Part(document)
    own = dict(whole.part("_meta").part(PUBLISHER_PROVIDED).named(TOOLHIVE))
    packages = [package.text("identifier") for package in whole.parts("packages")]
    remotes = [remote.text("url") for remote in whole.parts("remotes")]
    for key in (*packages, *remotes, *own):
        if key in own:
            return ToolHive.of(key, own[key])
    return None


def _variable(value: Part) -> Input:
    """ToolHive spells the keys of an input in its own way."""
    spelled = {name: value.text(name) for name in ("name", "description", "default")}
    flags = {"isRequired": value.flag("required"), "isSecret": value.flag("secret")}
    return Input.of(Part({**spelled, **flags}))
