"""Fetching: one adapter a kind of source. `fetch` returns the raw content; reading it is app.sources.formats' work."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import SourceError
from app.core.settings import SourceKind
from app.sources.formats import MAX_FILE_BYTES

DEADLINE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Content:
    """What a fetch brought: the bytes, and their SHA-256 in hex."""

    data: bytes
    digest: str


def unsupported(kind: str, config: Mapping[str, Any]) -> str | None:
    """Why a source cannot be synchronised by this release; None if it can."""
    if kind == SourceKind.FILE:
        if config["file"].get("path") or config["file"].get("data"):
            return None
        return "file sources with a url are not built yet; only file.path is read"
    if kind == SourceKind.MANAGED:
        return "managed sources hold what is published to them; nothing is fetched"
    return f"{kind} sources are not built yet; the source stays as it is and nothing is fetched"


async def fetch(kind: str, config: Mapping[str, Any]) -> Content:
    """The source's current content. Raises SourceError."""
    reason = unsupported(kind, config)
    if reason is not None:
        raise SourceError(reason)
    if data := config["file"].get("data"):
        return _digested(data.encode())
    path = Path(config["file"]["path"])
    try:
        return await asyncio.wait_for(asyncio.to_thread(_read_file, path), DEADLINE_SECONDS)
    except TimeoutError as error:
        raise SourceError(f"reading {_shown(path)} took more than {DEADLINE_SECONDS} seconds") from error


def _read_file(path: Path) -> Content:
    try:
        # Without O_NONBLOCK, opening a named pipe that nobody writes to would never return.
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{_shown(path)} is no regular file; file.path must name one")
            data = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise SourceError(f"file not found: {_shown(path)}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"cannot read {_shown(path)}: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise SourceError(f"{_shown(path)} is larger than {MAX_FILE_BYTES // 2**20} MiB, the most a file may have")
    return _digested(data)


def _digested(data: bytes) -> Content:
    return Content(data, hashlib.sha256(data).hexdigest())


def _shown(path: Path) -> str:
    """The path as text that can be stored and printed, also when its bytes are not UTF-8."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
