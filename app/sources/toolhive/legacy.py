"""The entries of a ToolHive registry file as pydantic models.

They are more tolerant than ToolHive's own schema, which limits lengths and refuses unknown keys: only what the
conversion needs is demanded. null and "" mean absent.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.models.documents.rules import HttpUrl, Uri

NAMESPACE: Final = "io.github.stacklok"
"""The namespace of an entry that is only known by its key, and the publisher of the extension."""


class Legacy(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value


class Variable(Legacy):
    """An environment variable or a header."""

    name: str
    description: str = ""
    required: bool = False
    secret: bool = False
    default: str = ""


class Metadata(Legacy):
    stars: int = 0
    pulls: int = 0
    last_updated: str = ""


class Entry(Legacy):
    name: str = ""
    description: str
    tier: str = ""
    status: str = ""
    tools: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    metadata: Metadata | None = None
    repository_url: Uri = ""

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_texts(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {k: v for k, v in value.items() if v != "" or k == "description"}


class ImageEntry(Entry):
    image: str
    transport: Literal["stdio", "sse", "streamable-http"] = "stdio"
    target_port: int = Field(default=0, le=65535)
    env_vars: list[Variable] = Field(default_factory=list)
    permissions: dict[str, Any] | None = None
    args: list[str] = Field(default_factory=list)
    provenance: dict[str, Any] | None = None


class RemoteEntry(Entry):
    url: HttpUrl
    transport: Literal["sse", "streamable-http"]
    headers: list[Variable] = Field(default_factory=list)
    oauth_config: dict[str, Any] | None = None
