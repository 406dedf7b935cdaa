"""Runs git: its environment, its output, and its end. Owns that no process outlives the wait for it.

What is asked of git is the business of the other modules of this package, what its errors mean that of
app.sources.git.faults.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, ParamSpec, TypeVar

from git import Git
from git.exc import GitCommandNotFound

from app.core.errors import SourceError
from app.sources.git.limits import Limits

MAX_TEXT: Final = 2**20
"""Bytes of output, unless the caller asks for more."""

NOT_INSTALLED: Final = "git is not installed, or not on the PATH; install git 2.37 or later"

_KEPT: Final = ("GIT_SSL_CAINFO", "GIT_SSL_CAPATH")
"""Which authorities to trust; no other variable of git's that we were started with may lead it elsewhere."""

_MAX_COMPLAINT: Final = 2**16
_CHUNK: Final = 2**16
_WATCH_SECONDS: Final = 0.5
_BURIAL_SECONDS: Final = 1.0

_P = ParamSpec("_P")
_T = TypeVar("_T")


class GitFailure(Exception):
    """Git ended with an error; `complaint` is what it printed, which may hold secrets and anything the server says."""

    def __init__(self, complaint: str) -> None:
        super().__init__("git failed")
        self.complaint = complaint


@dataclass(frozen=True, slots=True)
class Program:
    """Git, run in `folder`, which also holds all that it writes. `environment` is added to our own."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    limits: Limits

    async def run(self, *words: str, limit: int = MAX_TEXT) -> bytes:
        """What `git words…` prints. Raises GitFailure, also for more than `limit` bytes, and SourceError where git is
        missing or fills the folder. However this ends, git and its children are gone.
        """
        work = asyncio.create_task(_converse(self._start(words), limit))
        try:
            while True:
                done, _ = await asyncio.wait({work}, timeout=_WATCH_SECONDS)
                if _measure(self.folder) > self.limits.folder_bytes:
                    mebibytes = self.limits.folder_bytes >> 20
                    raise SourceError(
                        f"the repository takes more than {mebibytes} MiB; use a smaller one for registries"
                    )
                if done:
                    return work.result()
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work})

    def _start(self, words: tuple[str, ...]) -> subprocess.Popen[bytes]:
        git = Git.GIT_PYTHON_GIT_EXECUTABLE or "git"
        try:
            started = Git(self.folder).execute(
                [*_forget_ambient(self.environment), git, *words],
                as_process=True,
                env=self.environment,
                start_new_session=True,
            )
        except GitCommandNotFound as error:
            raise SourceError(NOT_INSTALLED) from error
        except OSError as error:
            raise SourceError(f"git cannot be started: {error.strerror}") from error
        process, started.proc = started.proc, None  # its wrapper would end it with SIGTERM, and not its children
        if process is None:
            raise SourceError(NOT_INSTALLED)
        return process


def _forget_ambient(environment: Mapping[str, str]) -> list[str]:
    """The start of a command line without git's variables that we were started with, such as GIT_DIR.

    The library can only add to the environment, and some, such as GIT_SSL_NO_VERIFY, have their effect even when empty.
    """
    names = (name for name in os.environ if name.startswith("GIT_") and name not in _KEPT)
    words = [word for name in names if name not in environment for word in ("-u", name)]
    return ["env", *words] if words else []


def _measure(folder: Path) -> int:
    """Bytes of the files below. What vanishes meanwhile does not count."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


async def _converse(process: subprocess.Popen[bytes], limit: int) -> bytes:
    complaint = asyncio.create_task(_read_end(process.stderr))
    try:
        output = await _read(process.stdout, limit)
        said = await complaint
        code = await asyncio.to_thread(process.wait)
    finally:
        if process.returncode is None:
            await _kill(process)
        complaint.cancel()  # without effect where all was read, as it is unless somebody outside the group has the pipe
        await asyncio.wait({complaint})
    if code == 127 and b"env: " in said:
        raise SourceError(NOT_INSTALLED)
    if code != 0:
        raise GitFailure(said.decode("utf-8", "replace"))
    return output


async def _read(pipe: IO[bytes] | None, limit: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    async with _Reader(pipe) as reader:
        while part := await reader.read(_CHUNK):
            parts.append(part)
            size += len(part)
            if size > limit:
                raise GitFailure(f"fatal: more than {limit} bytes of output")
    return b"".join(parts)


async def _read_end(pipe: IO[bytes] | None) -> bytes:
    """The last of what is said: progress and warnings come first."""
    kept = b""
    async with _Reader(pipe) as reader:
        while part := await reader.read(_CHUNK):
            kept = (kept + part)[-_MAX_COMPLAINT:]
    return kept


class _Reader:
    """A pipe as a stream, which closes the pipe."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        self._pipe = pipe

    async def __aenter__(self) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(reader)
        self._transport, _ = await loop.connect_read_pipe(lambda: protocol, self._pipe)
        return reader

    async def __aexit__(self, *_: object) -> None:
        self._transport.close()


async def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process with all its children: it leads a group of its own, whose number is its own until `_bury`."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    await finish_in_thread(_bury, process)


def _bury(process: subprocess.Popen[bytes]) -> None:
    """Wait for the dead. As process 1 of a container we inherit git's children, which nobody else would wait for."""
    process.wait()
    deadline = time.monotonic() + _BURIAL_SECONDS
    while _lingers(process.pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def _lingers(group: int) -> bool:
    try:
        os.waitpid(-group, os.WNOHANG)
    except ChildProcessError:
        pass  # none of them is ours to wait for
    else:
        return True
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


async def finish_in_thread(work: Callable[_P, _T], *arguments: _P.args, **options: _P.kwargs) -> _T:
    """As asyncio.to_thread, but a cancellation takes effect only when the thread has come to its end."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **options))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise
