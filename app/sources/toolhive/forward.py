"""ToolHive entries to server.json documents. Raises pydantic's ValidationError for an entry that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.models.documents import CURRENT_SCHEMA, PUBLISHER_PROVIDED
from app.sources.toolhive.legacy import NAMESPACE, Entry, ImageEntry, RemoteEntry, Variable

VERSION: Final = "1.0.0"
"""The format knows no versions; every entry gets this one."""

_Json = dict[str, Any]


def image_to_server(key: str, entry: Mapping[str, Any]) -> _Json:
    """The server.json of an image server, with one OCI package."""
    image = ImageEntry.model_validate(entry)
    transport: _Json = {"type": image.transport}
    if image.transport != "stdio":
        transport["url"] = f"http://localhost:{image.target_port}" if image.target_port > 0 else "http://localhost"
    package: _Json = {"registryType": "oci", "identifier": image.image, "transport": transport}
    if image.env_vars:
        package["environmentVariables"] = [_input(variable, with_default=True) for variable in image.env_vars]
    own = {
        "permissions": image.permissions,
        "args": image.args or None,
        "provenance": image.provenance,
    }
    return _server(key, image, {"packages": [package]}, {image.image: _extension(image, own)})


def remote_to_server(key: str, entry: Mapping[str, Any]) -> _Json:
    """The server.json of a remote server, with one remote. Its headers' defaults and choices are not carried over."""
    remote = RemoteEntry.model_validate(entry)
    target: _Json = {"type": remote.transport, "url": remote.url}
    if remote.headers:
        target["headers"] = [_input(header, with_default=False) for header in remote.headers]
    extension = _extension(remote, {"oauth_config": remote.oauth_config})
    return _server(key, remote, {"remotes": [target]}, {remote.url: extension})


def name_server(key: str, name: str) -> str:
    """The server's name: the entry's own, else its key, below ToolHive's namespace where it has none."""
    given = name or key
    return given if "/" in given else f"{NAMESPACE}/{given}"


def _server(key: str, entry: Entry, targets: Mapping[str, Sequence[_Json]], extension: _Json) -> _Json:
    server: _Json = {
        "$schema": CURRENT_SCHEMA,
        "name": name_server(key, entry.name),
        "title": entry.name or None,
        "description": entry.description,
        "repository": {"url": entry.repository_url, "source": "github"} if entry.repository_url else None,
        "version": VERSION,
        **targets,
        "_meta": {PUBLISHER_PROVIDED: {NAMESPACE: extension}},
    }
    return _without_none(server)


def _extension(entry: Entry, own: Mapping[str, Any]) -> _Json:
    """What server.json has no place for. The status keeps its case."""
    return _without_none(
        {
            "status": entry.status or "active",
            "tools": entry.tools or None,
            "tier": entry.tier or None,
            "tags": entry.tags or None,
            "metadata": entry.metadata.model_dump() if entry.metadata else None,
            **own,
        }
    )


def _input(variable: Variable, *, with_default: bool) -> _Json:
    return _without_none(
        {
            "name": variable.name,
            "description": variable.description or None,
            "isRequired": variable.required or None,
            "isSecret": variable.secret or None,
            "default": (variable.default or None) if with_default else None,
        }
    )


def _without_none(value: Mapping[str, Any]) -> _Json:
    return {key: item for key, item in value.items() if item is not None}
