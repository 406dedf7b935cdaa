"""The environment in which git runs: no prompts, no settings, helpers or hooks but these."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.sources.git.access import Access
from app.sources.git.limits import Limits


def build_environment(access: Access, folder: Path, limits: Limits) -> dict[str, str]:
    """What is added to our own environment, or replaces a part of it. `folder` is where git may write."""
    return {
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(folder.parent),
        "GIT_ALLOW_PROTOCOL": access.scheme,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",
        "SSH_ASKPASS": "",
        "SSH_ASKPASS_REQUIRE": "never",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_LITERAL_PATHSPECS": "1",
        "HOME": str(folder),  # the .netrc of our own home would hand its passwords to whoever names the host
        "LC_ALL": "C",
        "LANGUAGE": "C",
        **dict(_number(_list_settings(access, limits))),
        **access.environment,
    }


def _list_settings(access: Access, limits: Limits) -> list[tuple[str, str]]:
    return [
        ("remote.origin.url", access.url),
        ("protocol.version", "2"),
        ("credential.helper", ""),
        ("core.askPass", ""),
        ("core.hooksPath", os.devnull),
        ("core.bigFileThreshold", "16m"),  # larger files are streamed, not held in memory
        ("fetch.unpackLimit", "1"),
        ("gc.auto", "0"),
        ("maintenance.auto", "false"),
        ("http.followRedirects", "false"),
        ("http.lowSpeedLimit", "1"),
        ("http.lowSpeedTime", str(limits.stall_seconds)),
        *_trusted_authorities(),
        *access.settings,
    ]


def _trusted_authorities() -> list[tuple[str, str]]:
    """Those of all our other requests, unless git has a variable of its own."""
    path = os.environ.get("SSL_CERT_FILE")
    return [("http.sslCAInfo", path)] if path and "GIT_SSL_CAINFO" not in os.environ else []


def _number(settings: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    count = 0
    for key, value in settings:
        yield f"GIT_CONFIG_KEY_{count}", key
        yield f"GIT_CONFIG_VALUE_{count}", value
        count += 1
    yield "GIT_CONFIG_COUNT", str(count)
