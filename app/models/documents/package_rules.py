"""What publishing demands of packages: the parts that each kind has and has not, and where they may come from.

Sources: the MCP Registry's publish rules. No package registry is asked: whether a package exists, and who owns it, is
not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.models.documents.issues import Issue, error, warning
from app.models.documents.rules import explain_version
from app.models.documents.transport_rules import check_arguments, check_package_transport
from app.models.documents.urls import Origin, locate_image, locate_url, split_url
from app.models.documents.values import (
    Place,
    find_object,
    find_repeats,
    find_text,
    join_texts,
    list_objects,
    take_texts,
)


@dataclass(frozen=True, slots=True)
class Kind:
    """What packages of one registry type must have and must not have, each with the reason."""

    required: Mapping[str, str]
    forbidden: Mapping[str, str]


_PINNED: Final = Kind(
    required={"version": "is required: without it, clients would install whatever is the newest"},
    forbidden={"fileSha256": "must be left out: only packages of type mcpb have one"},
)

KINDS: Final[Mapping[str, Kind]] = {
    "npm": _PINNED,
    "pypi": _PINNED,
    "nuget": _PINNED,
    "cargo": _PINNED,
    "oci": Kind(
        required={},
        forbidden={
            "registryBaseUrl": "must be left out: the registry's host belongs into the identifier",
            "version": "must be left out: the tag or digest belongs into the identifier",
            "fileSha256": "must be left out: only packages of type mcpb have one",
        },
    ),
    "mcpb": Kind(
        required={"fileSha256": "is required: clients check the downloaded file against it"},
        forbidden={"registryBaseUrl": "must be left out: the identifier is the URL of the file"},
    ),
}

_REFERENCES: Final = {"registryBaseUrl": "base-url", "version": "version", "fileSha256": "file-sha256"}
_RELEASES: Final = {
    "github.com": re.compile(r"/[^/]+/[^/]+/releases/download/[^/]+/[^/]+"),
    "gitlab.com": re.compile(r"/.+/-/(?:releases/[^/]+/downloads|package_files/[^/]+)/.+"),
}
_WHITE_SPACE: Final = re.compile(r"\s")
_PLAIN_NAME: Final = re.compile(r"(?:@[A-Za-z0-9._~-]+/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*")

_Json = Mapping[str, Any]


def check_packages(document: _Json, base_urls: tuple[str, ...]) -> Iterator[Issue]:
    origins = [origin for url in base_urls if (origin := locate_url(url))]
    allowed = join_texts(base_urls)
    for index, package in list_objects(document, "packages"):
        place = ("packages", index)
        yield from _check_kind(package, place)
        yield from _check_identifier(package, place)
        yield from _check_version(package, place)
        if base_urls:
            yield from _check_origin(package, place, origins, allowed)
        yield from check_package_transport(package, index)
        yield from check_arguments(package, index)
    keys = ((index, _package_key(package)) for index, package in list_objects(document, "packages"))
    for index, first in find_repeats(keys):
        message = (
            f"is the same as packages[{first}]: registryType, identifier, version and transport.type are equal;"
            " leave one out"
        )
        yield error(("packages", index), message, "duplicate-package")


def _package_key(package: _Json) -> tuple[str, ...] | None:
    parts = take_texts(package, "registryType", "identifier", "version")
    transport = take_texts(find_object(package, "transport"), "type")
    return (*parts, *transport) if parts and transport and "identifier" in package else None


def _check_kind(package: _Json, place: Place) -> Iterator[Issue]:
    registry_type = package.get("registryType")
    if not isinstance(registry_type, str):
        return
    kind = KINDS.get(registry_type)
    if kind is None:
        message = f"is none of the types that clients know: {join_texts(KINDS)}"
        yield warning((*place, "registryType"), message, "registry-type-unknown")
        return
    for key, message in kind.required.items():
        if key not in package:
            yield error((*place, key), message, f"package-{_REFERENCES[key]}-required")
    for key, message in kind.forbidden.items():
        if key in package:
            yield error((*place, key), message, f"package-{_REFERENCES[key]}-forbidden")
    if registry_type == "mcpb":
        yield from _check_bundle(find_text(package, "identifier"), (*place, "identifier"))


def _check_bundle(url: str, place: Place) -> Iterator[Issue]:
    parts = split_url(url)
    if parts is None or parts.scheme != "https":
        yield error(place, "must be the absolute https URL of the file", "mcpb-identifier")
        return
    pattern = _RELEASES.get((parts.hostname or "").removeprefix("www."))
    if pattern is None or not pattern.fullmatch(parts.path):
        message = "is no file of a release on GitHub or GitLab; other registries refuse it"
        yield warning(place, message, "mcpb-release")
    if "mcp" not in url.lower():
        yield warning(place, 'does not contain "mcp"; other registries refuse it', "mcpb-release")


def _check_identifier(package: _Json, place: Place) -> Iterator[Issue]:
    identifier = package.get("identifier")
    if not isinstance(identifier, str):
        return
    if not identifier or _WHITE_SPACE.search(identifier):
        yield error((*place, "identifier"), "must not be empty or hold white space", "package-identifier")
    elif identifier.startswith("-"):
        message = "must not start with a hyphen: clients would take it for an option of the package's runner"
        yield error((*place, "identifier"), message, "package-identifier")


def _check_version(package: _Json, place: Place) -> Iterator[Issue]:
    version = package.get("version")
    reason = explain_version(version) if isinstance(version, str) else None
    if reason is not None:
        yield error((*place, "version"), reason, "package-version")


def _check_origin(package: _Json, place: Place, allowed: list[Origin], names: str) -> Iterator[Issue]:
    """Images and bundles are told by their identifiers; packages of the other kinds by the base URL they give, and so
    their identifiers must be plain names: URLs and the like would lead elsewhere.
    """
    registry_type, identifier = package.get("registryType"), find_text(package, "identifier")
    if not isinstance(registry_type, str):
        return
    key = "identifier" if registry_type in ("oci", "mcpb") else "registryBaseUrl"
    given = package.get(key, "")
    if key == "registryBaseUrl" and not _PLAIN_NAME.fullmatch(identifier):
        yield error((*place, "identifier"), "must be the plain name of a package", "package-base-url")
    if not isinstance(given, str) or (key == "identifier" and not given):
        return
    origin = locate_image(given) if registry_type == "oci" else locate_url(given)
    if origin is None or not any(folder.holds(origin) for folder in allowed):
        problem = "must lead to" if given else "must be given,"
        yield error((*place, key), f"{problem} one of {names}", "package-base-url")
