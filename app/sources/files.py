"""Registry files on the local disk, and those that came with a request (inline data)."""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.models.snapshot import Snapshot
from app.sources.contents import MAX_FILE_BYTES
from app.sources.fetching import Fetched, FetchRequest
from app.sources.formats import read_snapshot

DEADLINE_SECONDS: Final = 60

SETTLED_SECONDS: Final = 2.0
"""A file that was changed less than this before it was read may change again without another time of change."""


@dataclass(frozen=True, slots=True)
class _Content:
    """What the disk holds: the file's mark (time of change, size, place), and its bytes unless the mark is known."""

    mark: list[int]
    data: bytes | None


async def fetch_path(request: FetchRequest) -> Fetched:
    """Reads `file.path` where its mark is another than last time. Raises SourceError."""
    path = Path(request.own["path"])
    known = request.state.get("mark") if request.state.get("path") == str(path) else None
    try:
        content = await asyncio.wait_for(asyncio.to_thread(_read_file, path, known), DEADLINE_SECONDS)
    except TimeoutError as error:
        raise SourceError(f"reading {_shown(path)} took more than {DEADLINE_SECONDS} seconds") from error
    if content.data is None:
        return Fetched(None, str(request.state["digest"]), request.state)
    digest = hashlib.sha256(content.data).hexdigest()
    settled = time.time_ns() - content.mark[0] > SETTLED_SECONDS * 1e9
    state = {"path": str(path), "digest": digest} | ({"mark": content.mark} if settled else {})
    if digest == request.state.get("digest"):
        return Fetched(None, digest, state)
    return Fetched(await read_file(request, content.data), digest, state)


async def fetch_inline(request: FetchRequest) -> Fetched:
    """Reads `file.data`. Raises SourceError."""
    data = str(request.own["data"]).encode()
    digest = hashlib.sha256(data).hexdigest()
    state = {"digest": digest}
    return Fetched(None if state == request.state else await read_file(request, data), digest, state)


async def read_file(request: FetchRequest, data: bytes) -> Snapshot:
    """The documents of a registry file, read in a thread in the format that is configured. Raises SourceError."""
    given = request.config.get("format")
    snapshot = await asyncio.to_thread(read_snapshot, data, SourceFormat(given) if given else None)
    request.report(snapshot.fetched)
    return snapshot


def is_inline(config: Mapping[str, Any]) -> bool:
    return bool(config.get("file", {}).get("data"))


def _read_file(path: Path, known: list[int] | None) -> _Content:
    try:
        # Without O_NONBLOCK, opening a named pipe that nobody writes to would never return. The descriptor is not given
        # to a file object before it is known to be a file: of a directory that would fail, and leave it open.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise SourceError(f"{_shown(path)} is no regular file; file.path must name one")
            mark = [status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev]
            if mark == known:
                return _Content(mark, None)
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_FILE_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        raise SourceError(f"file not found: {_shown(path)}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise SourceError(f"cannot read {_shown(path)}: {reason}") from error
    if len(data) > MAX_FILE_BYTES:
        raise SourceError(f"{_shown(path)} is larger than {MAX_FILE_BYTES // 2**20} MiB, the most a file may have")
    return _Content(mark, data)


def _shown(path: Path) -> str:
    """The path as text that can be stored and printed, also when its bytes are not UTF-8."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
