"""The order of a fetch from git: what is known already, the way there, the commit, the file."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from app.core.errors import SourceError
from app.core.settings import SourceFormat
from app.models.snapshot import Snapshot
from app.sources.fetching import Fetched, FetchRequest
from app.sources.formats import read_snapshot
from app.sources.git import clone as cloning
from app.sources.git.access import open_access
from app.sources.git.address import Address, read_address
from app.sources.git.environment import build_environment
from app.sources.git.faults import Remote, concerns_filter, explain_disk
from app.sources.git.limits import Limits
from app.sources.git.program import GitFailure, Program, finish_in_thread
from app.sources.git.tree import read_file
from app.sources.git.wish import Wish, read_wish
from app.sources.outbound import NetworkFailure

_OLDEST: Final = (2, 37)
"""The first release that can be bound to the address that was judged (http.curloptResolve)."""

_STANDARD: Final = Limits()


async def fetch_git(request: FetchRequest, limits: Limits = _STANDARD) -> Fetched:
    """Read the registry file of a git repository, if it has changed. Raises SourceError, NetworkFailure.

    The revision is the full commit. The state is `{"repository", "ref", "path", "commit", "digest"}`.
    """
    wish = read_wish(request.own)
    address = read_address(wish.repository)
    applied = wish.find_applied(request.state)
    if applied is not None and wish.is_met_by(applied):
        return Fetched(None, applied, request.state)
    try:
        async with asyncio.timeout(limits.seconds) as clock:
            found = await _fetch(request, wish, address, limits)
    except TimeoutError:
        if not clock.expired():
            raise
        raise NetworkFailure(_describe_delay(wish, address, limits)) from None
    if found is None:
        return Fetched(None, str(applied), request.state)
    commit, data = found
    digest, snapshot = await finish_in_thread(_read, data, request.config.get("format"), request.state.get("digest"))
    if snapshot is not None:
        request.report(snapshot.fetched)
    return Fetched(snapshot, commit, {**wish.place, "commit": commit, "digest": digest})


def _read(data: bytes, name: str | None, known: str | None) -> tuple[str, Snapshot | None]:
    """The SHA-256 in hex, and what the file holds; None for what is known."""
    digest = hashlib.sha256(data).hexdigest()
    if digest == known:
        return digest, None
    return digest, read_snapshot(data, SourceFormat(name) if name else None)


def _describe_delay(wish: Wish, address: Address, limits: Limits) -> str:
    hint = "check the server and the network"
    if wish.kind == "commit" and not wish.is_full_commit:
        hint = "write the full hash into git.commit, for which the history is not needed"
    return f"{address.url} could not be read within {limits.seconds:g} seconds; {hint}"


async def _fetch(request: FetchRequest, wish: Wish, address: Address, limits: Limits) -> tuple[str, bytes] | None:
    """The commit and the file's bytes; None if the commit is the one that was applied last."""
    with _open_folder() as folder:
        access = await open_access(request, address, folder, limits)
        program = Program(folder, build_environment(access, folder, limits), limits)
        remote = Remote(address.url, access.login, access.note, access.secrets)
        try:
            await _check_release(program)
            return await _fetch_commit(program, remote, wish, wish.find_applied(request.state))
        except GitFailure as failure:
            raise remote.explain(failure) from None


async def _check_release(program: Program) -> None:
    """An older git would ignore what keeps it in bounds."""
    text = (await program.run("version")).decode("utf-8", "replace").strip()
    found = re.search(r"(\d+)\.(\d+)", text)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        raise SourceError(f"{text or 'this git'} is too old; install git {_OLDEST[0]}.{_OLDEST[1]} or later")


async def _fetch_commit(program: Program, remote: Remote, wish: Wish, applied: str | None) -> tuple[str, bytes] | None:
    tip = ""
    if wish.kind != "commit":
        tip = await cloning.find_tip(program, remote, wish)
        if tip == applied:
            return None
    try:
        clone = await _clone(program, remote, wish, tip, cloning.FILES_LEFT_OUT)
        return clone.commit, await read_file(clone, wish.path)
    except GitFailure as failure:
        if not concerns_filter(failure):
            raise
    clone = await _clone(program, remote, wish, tip, cloning.NOTHING_LEFT_OUT)
    return clone.commit, await read_file(clone, wish.path)


async def _clone(program: Program, remote: Remote, wish: Wish, tip: str, left_out: str) -> cloning.Clone:
    if wish.kind != "commit":
        return await cloning.clone_tip(program, remote, wish, len(tip), left_out)
    if wish.is_full_commit:
        return await cloning.clone_commit(program, remote, wish, left_out)
    heads = await cloning.list_refs(program, "HEAD")
    return await cloning.clone_history(program, remote, wish, len(heads.get("HEAD", "")), left_out)


@contextmanager
def _open_folder() -> Iterator[Path]:
    """A directory of our own, gone at the end."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="thv-git-", ignore_cleanup_errors=True)
    except OSError as error:
        raise explain_disk(error) from error
    with folder as name:
        yield Path(name).resolve()
