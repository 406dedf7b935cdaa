"""The single values of a server.json, and what is said about one that breaks its rule.

Patterns are Rust regular expressions: linear in time, and `$` matches at the very end only.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from app.models.names import check_server_name

_ATOM = r"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})"
_PCHAR = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})"
_QUERY = r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})*"
_USER = rf"(?:(?:{_ATOM}|:)*@)?"
_AUTHORITY = rf"{_USER}(?:\[[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\]|{_ATOM}*)(?::[0-9]*)?"
_HIERARCHY = rf"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/?(?:{_PCHAR}+(?:/{_PCHAR}*)*)?)"

URI: Final = rf"^[A-Za-z][A-Za-z0-9+.-]*:{_HIERARCHY}(?:\?{_QUERY})?(?:#{_QUERY})?$"
"""RFC 3986, section 3; as strict as JSON Schema's `uri` format, except that IPv6 addresses are not taken apart."""

HTTP_URL: Final = r"^https?://[^\s\x00-\x20]+$"
ICON_SIZE: Final = r"^([0-9]+x[0-9]+|any)$"
SHA256: Final = r"^[a-f0-9]{64}$"

ALLOWED: Final = {
    URI: "must be an absolute URI such as https://example.com/page",
    HTTP_URL: "must be a URL that starts with http:// or https:// and holds no white space",
    ICON_SIZE: 'must be a size such as "48x48", or "any"',
    SHA256: "must be 64 hexadecimal digits in lower case",
}
"""What is said of a value that does not match the pattern."""

_PART = r"v?[0-9]+(?:\.[0-9]+){0,3}(?:-[0-9A-Za-z.-]+)?"
_BOUND = rf"(?:\^|~|>=|<=|>|<|=)\s*{_PART}"
_WILDCARD = r"v?(?=[0-9.]*[xX*])(?:[0-9]+|[xX*])(?:\.(?:[0-9]+|[xX*])){1,2}(?:-[0-9A-Za-z.-]+)?"
_TERM = rf"(?:{_BOUND}|{_WILDCARD}|{_PART})"
_RANGE = re.compile(rf"{_BOUND}(?:[\s,]+{_BOUND})*|{_WILDCARD}|{_TERM}\s+-\s+{_TERM}|{_TERM}(?:\s*\|\|\s*{_TERM})+")


def _check_name(name: str) -> str:
    if "{{" in name:
        raise PydanticCustomError("name", "holds a template that was never filled in; write the name itself")
    if check_server_name(name) is not None:
        raise PydanticCustomError(
            "name",
            "must be namespace/name, 3 to 200 characters with exactly one slash; both halves consist of a-z, A-Z, 0-9,"
            " dot and hyphen (after the slash underscore, too) and start and end with a letter or digit, such as"
            " io.github.user/weather",
        )
    return name


def explain_version(version: str) -> str | None:
    """Why `version` is not one version; None if it is."""
    trimmed = version.strip()
    if not trimmed:
        return 'must not be blank; write a version such as "1.0.0"'
    if len(version) > 255:
        return "must have at most 255 characters"
    if trimmed == "latest":
        return 'must be one version such as "1.0.0", not "latest"'
    if _RANGE.fullmatch(trimmed):
        return 'must be one version such as "1.0.0", not a range of versions'
    return None


def _check_version(version: str) -> str:
    reason = explain_version(version)
    if reason is not None:
        raise PydanticCustomError("version", reason)
    return version


def _check_package_version(version: str) -> str:
    if version == "latest":
        raise PydanticCustomError("version", 'must be one version such as "1.0.0", not "latest"; or leave it out')
    return version


ServerName = Annotated[str, AfterValidator(_check_name)]
ServerVersion = Annotated[str, AfterValidator(_check_version)]
PackageVersion = Annotated[str, StringConstraints(min_length=1), AfterValidator(_check_package_version)]
ShortText = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Uri = Annotated[str, StringConstraints(pattern=URI)]
IconUri = Annotated[str, StringConstraints(pattern=URI, max_length=255)]
HttpUrl = Annotated[str, StringConstraints(pattern=HTTP_URL)]
IconSize = Annotated[str, StringConstraints(pattern=ICON_SIZE)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
