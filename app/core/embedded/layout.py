"""The files of the data directory that we handle ourselves, and those beside it.

    <directory>         the cluster, made by initdb
    <directory>.new     a cluster that is not complete yet; removed at the next start
    <directory>.lock    held (flock) for the owner's life; holds the owner's process number
    <directory>.log     what PostgreSQL and initdb write; moved to <directory>.log.1 when large at a start

Starts no process.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.account import Account
from app.core.errors import Unavailable

LARGE_LOG_BYTES = 1_000_000
_TAIL_BYTES = 4_000
_TAIL_LINES = 8
# Written by a running postmaster. With none alive they only mislead the next one, which trusts any living process of
# that number.
_STALE = ("postmaster.pid", ".s.PGSQL.5432", ".s.PGSQL.5432.lock")


class InUse(Unavailable):
    """Another owner lives."""


@dataclass(frozen=True, slots=True)
class Layout:
    directory: Path

    @property
    def unfinished(self) -> Path:
        return self._beside(".new")

    @property
    def lock(self) -> Path:
        return self._beside(".lock")

    @property
    def log(self) -> Path:
        return self._beside(".log")

    def _beside(self, suffix: str) -> Path:
        return self.directory.with_name(self.directory.name + suffix)

    def __str__(self) -> str:
        """The path for messages: a name that is not UTF-8 must not break the log or the answer that quotes it."""
        return os.fsencode(self.directory).decode("utf-8", "replace")


@contextmanager
def explained(layout: Layout) -> Iterator[None]:
    """Turn a refusal of the file system into an `Unavailable` that names the place and the way out."""
    try:
        yield
    except OSError as error:
        place = f" ({os.fsencode(error.filename).decode('utf-8', 'replace')})" if error.filename else ""
        raise Unavailable(
            f"The database directory {layout} cannot be used: {error.strerror or error}{place}. Make its parent a "
            "directory this server can write to, set another fileStorage.baseDir, or configure a database: block."
        ) from error


def hold_lock(layout: Layout) -> int:
    """Become the directory's owner. The lock ends with the returned descriptor, which no child inherits.

    Raises `InUse` while another owner lives.
    """
    descriptor = os.open(layout.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise InUse(
            f"The database directory {layout} is in use by process {owner}. Stop that one, or give this server its own "
            "fileStorage.baseDir or a database: block."
        ) from error
    except BaseException:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def holds_cluster(layout: Layout, major: str) -> bool:
    """Whether the directory holds a cluster of version `major`; False where initdb may make one.

    Raises `Unavailable` for a cluster of another version and for a directory with something else inside.
    """
    version = layout.directory / "PG_VERSION"
    if version.exists():
        found = version.read_text(encoding="utf-8", errors="replace").strip() or "an unknown version"
        if found != major:
            raise Unavailable(
                f"The database directory {layout} was made by PostgreSQL {found} and this release brings PostgreSQL "
                f"{major}, which cannot read it. Dump the data with the release that made it and load them with this "
                "one into an empty directory."
            )
        return True
    if layout.directory.exists() and any(layout.directory.iterdir()):
        raise Unavailable(
            f"The database directory {layout} is not empty and holds no PostgreSQL database. Move its content away, "
            "or set another fileStorage.baseDir."
        )
    return False


def no_cluster(layout: Layout) -> Unavailable:
    return Unavailable(
        f"There is no database in {layout} yet: start the server once with this configuration, so that it makes one "
        "and loads its sources."
    )


def clear_unfinished(layout: Layout) -> None:
    """Remove what an initdb that was cut short has left. No process may live in it any more."""
    with suppress(FileNotFoundError):
        shutil.rmtree(layout.unfinished)


def make_unfinished(layout: Layout, account: Account | None) -> None:
    layout.unfinished.mkdir(mode=0o700)
    if account:
        os.chown(layout.unfinished, account.uid, account.gid, follow_symlinks=False)


def finish(layout: Layout) -> None:
    """Give the complete cluster its name, for good: the rename itself is on disk afterwards."""
    layout.unfinished.rename(layout.directory)
    parent = os.open(layout.directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def adopt(layout: Layout, account: Account | None) -> None:
    """Make the cluster usable for the child's user and closed to others, as PostgreSQL demands both.

    A backup unpacked by root belongs to root, and a volume of Kubernetes is opened to a group at each mount.
    """
    found = layout.directory.stat()
    if account and found.st_uid != account.uid:
        for _, folders, files, descriptor in os.fwalk(layout.directory):
            for name in (*folders, *files):
                os.chown(name, account.uid, account.gid, dir_fd=descriptor, follow_symlinks=False)
        os.chown(layout.directory, account.uid, account.gid)
    if found.st_mode & 0o7777 not in (0o700, 0o750):
        layout.directory.chmod(0o700)


def clear_stale(layout: Layout) -> None:
    """Remove a dead postmaster's marks. Only with the lock held and no resident alive."""
    for name in _STALE:
        (layout.directory / name).unlink(missing_ok=True)


def is_ready(layout: Layout, pid: int) -> bool:
    """Whether the postmaster `pid` says that it takes connections: lines 1 and 8 of its file, as pg_ctl reads them."""
    try:
        lines = (layout.directory / "postmaster.pid").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def open_log(layout: Layout) -> int:
    """Set a large log aside. The size in bytes of the one that goes on, from where `read_log` reads this start's."""
    try:
        size = layout.log.stat().st_size
    except FileNotFoundError:
        return 0
    if size <= LARGE_LOG_BYTES:
        return size
    layout.log.replace(layout.log.with_name(layout.log.name + ".1"))
    return 0


def read_log(layout: Layout, start: int) -> str:
    """The last lines written after `start`, for a message."""
    try:
        with layout.log.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(start, end - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError as error:
        return f"(no log: {error.strerror})"
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    return "\n".join(lines[-_TAIL_LINES:]) or "(nothing in the log)"
