"""The parts of a server.json as pydantic models, one a schema definition. Used for checking only, never for storing.

Fields are strict (no number for a string, no null) and unknown keys pass. Transports and arguments are told apart by
their `type` first, so that a fault in one is reported once.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.models.documents.rules import (
    HttpUrl,
    IconSize,
    IconUri,
    PackageVersion,
    ServerName,
    ServerVersion,
    Sha256,
    ShortText,
    Uri,
)

PUBLISHER_PROVIDED: Final = "io.modelcontextprotocol.registry/publisher-provided"
"""The key of `_meta` under which publishers may keep data of their own."""


class Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", alias_generator=to_camel)


class Input(Part):
    description: str = ""
    is_required: bool = False
    format: Literal["string", "number", "boolean", "filepath"] = "string"
    value: str = ""
    is_secret: bool = False
    default: str = ""
    placeholder: str = ""
    # One fault is enough: each of them repeats the key in `variables` that leads here, which may be long.
    choices: Annotated[list[str], FailFast()] = Field(default_factory=list)


class InputWithVariables(Input):
    variables: dict[str, Input] = Field(default_factory=dict)


class KeyValueInput(InputWithVariables):
    name: str


class PositionalArgument(InputWithVariables):
    type: Literal["positional"]
    value_hint: str = ""
    is_repeated: bool = False

    @model_validator(mode="after")
    def _has_something_to_show(self) -> PositionalArgument:
        if not self.model_fields_set & {"value", "value_hint"}:
            raise PydanticCustomError("positional", "a positional argument needs a value or a valueHint")
        return self


class NamedArgument(InputWithVariables):
    type: Literal["named"]
    name: str
    is_repeated: bool = False


Argument = Annotated[PositionalArgument | NamedArgument, Field(discriminator="type")]


class StdioTransport(Part):
    type: Literal["stdio"]


class StreamableHttpTransport(Part):
    type: Literal["streamable-http"]
    url: HttpUrl
    headers: list[KeyValueInput] = Field(default_factory=list)


class SseTransport(Part):
    type: Literal["sse"]
    url: HttpUrl
    headers: list[KeyValueInput] = Field(default_factory=list)


class StreamableHttpRemote(StreamableHttpTransport):
    variables: dict[str, Input] = Field(default_factory=dict)


class SseRemote(SseTransport):
    variables: dict[str, Input] = Field(default_factory=dict)


LocalTransport = Annotated[StdioTransport | StreamableHttpTransport | SseTransport, Field(discriminator="type")]
Remote = Annotated[StreamableHttpRemote | SseRemote, Field(discriminator="type")]


class Package(Part):
    registry_type: str
    registry_base_url: Uri = ""
    identifier: str
    version: PackageVersion = ""
    file_sha256: Sha256 = ""
    runtime_hint: str = ""
    transport: LocalTransport
    runtime_arguments: list[Argument] = Field(default_factory=list)
    package_arguments: list[Argument] = Field(default_factory=list)
    environment_variables: list[KeyValueInput] = Field(default_factory=list)


class Repository(Part):
    url: Uri
    source: str
    id: str = ""
    subfolder: str = ""


class Icon(Part):
    src: IconUri
    mime_type: Literal["image/png", "image/jpeg", "image/jpg", "image/svg+xml", "image/webp"] = "image/png"
    sizes: list[IconSize] = Field(default_factory=list)
    theme: Literal["light", "dark"] = "light"


class Meta(Part):
    publisher_provided: dict[str, Any] = Field(default_factory=dict, alias=PUBLISHER_PROVIDED)


class Server(Part):
    """A whole server.json. `None` stands for an absent part here; in a document null is refused."""

    schema_uri: Uri = Field(default="", alias="$schema")
    name: ServerName
    title: ShortText = ""
    description: ShortText
    version: ServerVersion
    website_url: Uri = ""
    repository: Repository = Field(default=None)  # type: ignore[assignment]
    icons: list[Icon] = Field(default_factory=list)
    packages: list[Package] = Field(default_factory=list)
    remotes: list[Remote] = Field(default_factory=list)
    meta: Meta = Field(default=None, alias="_meta")  # type: ignore[assignment]


FIELDS: Final = tuple(str(field.alias) for field in Server.model_fields.values())
"""The keys of a server.json that the schema knows, in its order."""
