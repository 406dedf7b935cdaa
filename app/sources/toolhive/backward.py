"""server.json documents to ToolHive entries. Expects documents that keep the rules of app.models.documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from app.models.documents import PUBLISHER_PROVIDED
from app.sources.quirks import FULL_DESCRIPTION
from app.sources.toolhive.legacy import NAMESPACE

_DOCKER_HUB: Final = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})

_Json = dict[str, Any]


def find_image(document: Mapping[str, Any]) -> _Json | None:
    """The first OCI package, which is what an image server is made of."""
    packages: list[_Json] = document.get("packages", [])
    return next((package for package in packages if package["registryType"] == "oci"), None)


def server_to_image(document: Mapping[str, Any]) -> _Json:
    """The image server of a document with an OCI package. Raises ValueError without one."""
    package = find_image(document)
    if package is None:
        raise ValueError("the document has no OCI package")
    extension = _extension(document, package["identifier"])
    entry = _common(document, extension, package["transport"]["type"])
    entry["image"] = _image(package)
    port = _port(package["transport"])
    if port:
        entry["target_port"] = port
    entry |= _picked(extension, "permissions", "args")
    if package.get("environmentVariables"):
        entry["env_vars"] = [_variable(variable) for variable in package["environmentVariables"]]
    return entry | _picked(extension, "provenance")


def server_to_remote(document: Mapping[str, Any]) -> _Json:
    """The remote server of a document with a remote. Raises ValueError without one."""
    if not document.get("remotes"):
        raise ValueError("the document has no remote")
    remote = document["remotes"][0]
    extension = _extension(document, remote["url"])
    entry = {**_common(document, extension, remote["type"]), "url": remote["url"]}
    if remote.get("headers"):
        entry["headers"] = [_variable(header) | _picked(header, "choices") for header in remote["headers"]]
    return entry | _picked(extension, "oauth_config")


def _common(document: Mapping[str, Any], extension: _Json, transport: str) -> _Json:
    entry: _Json = {
        "name": document["name"],
        "description": document.get("_meta", {}).get(FULL_DESCRIPTION, document["description"]),
        "tier": extension.get("tier", "Community"),
        "status": extension.get("status", "Active"),
        "transport": transport,
        "tools": extension.get("tools", []),
    }
    entry |= _picked(extension, "metadata")
    if "repository" in document:
        entry["repository_url"] = document["repository"]["url"]
    return entry | _picked(extension, "tags")


def _extension(document: Mapping[str, Any], identifier: str) -> _Json:
    """ToolHive's own data on the package or remote; its first object where none has that identifier."""
    own = document.get("_meta", {}).get(PUBLISHER_PROVIDED, {}).get(NAMESPACE, {})
    items = [own.get(identifier), *own.values()] if isinstance(own, dict) else []
    return next((item for item in items if isinstance(item, dict)), {})


def _variable(item: Mapping[str, Any]) -> _Json:
    entry = {
        "name": item["name"],
        "description": item.get("description", ""),
        "required": item.get("isRequired", False),
    }
    if item.get("isSecret"):
        entry["secret"] = True
    return entry | _picked(item, "default")


def _image(package: Mapping[str, Any]) -> str:
    """The image reference with registry and tag. Documents of the first schemas kept these apart."""
    image: str = package["identifier"]
    first, _, rest = image.partition("/")
    has_host = bool(rest) and ("." in first or ":" in first or first == "localhost")
    host = _netloc(package.get("registryBaseUrl", ""))
    if host and not has_host and host not in _DOCKER_HUB:
        image = f"{host}/{image}"
    tagged = "@" in image or ":" in image.rpartition("/")[2]
    return f"{image}:{package['version']}" if package.get("version") and not tagged else image


def _port(transport: Mapping[str, Any]) -> int | None:
    """The port in the transport's URL; none where the URL is a template or names none."""
    try:
        port: int | None = urlsplit(transport.get("url", "")).port
    except ValueError:
        return None
    return port


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _picked(item: Mapping[str, Any], *keys: str) -> _Json:
    return {key: item[key] for key in keys if key in item}
