"""How versions of one entry are ordered: one text key per version whose bytewise order is the order of versions.

Rules (MCP Registry, CompareVersions): semantic versions stand above all others and follow semver precedence, build
metadata ignored, an optional leading `v` allowed; the others follow their publication time.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SEMVER = re.compile(
    r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def sort_key(version: str, published_at: datetime) -> str:
    """The key of `version`; greater (as bytes) is newer. `published_at` counts only where the version is no semver."""
    match = _SEMVER.fullmatch(version)
    if match is None:
        return "0" + published_at.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")
    major, minor, patch, prerelease = match.groups()
    numbers = "".join(_number(part) for part in (major, minor, patch))
    # "~" sorts above every pre-release, "!" below every character of an identifier.
    return "1" + numbers + ("~" if prerelease is None else "!".join(_identifier(i) for i in prerelease.split(".")))


def _identifier(text: str) -> str:
    return "0" + _number(text) if text.isdigit() else "1" + text


def _number(digits: str) -> str:
    """Digits with their count in front, so that longer numbers sort above shorter ones."""
    return f"{len(digits):03d}{digits}"
