"""Gets as little as possible of a repository: the refs asked for, one commit, none of its files.

Files are fetched one by one by app.sources.git.tree, from the server that left them out. A server that cannot leave
files out sends all of the commit's; one that leaves them out but does not send them later is asked for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from app.core.errors import SourceError
from app.sources.git.faults import Remote, hides_commits, lacks_commit, show
from app.sources.git.program import MAX_TEXT, GitFailure, Program
from app.sources.git.wish import Wish

FILES_LEFT_OUT: Final = "blob:none"
ALL_BUT_COMMITS_LEFT_OUT: Final = "tree:0"
NOTHING_LEFT_OUT: Final = ""

_FETCHED: Final = "refs/thv/fetched"
_HISTORY: Final = ("+refs/heads/*:refs/thv/heads/*", "+refs/tags/*:refs/thv/tags/*")
_MAX_LISTED: Final = 2**23
_MAX_NAMED: Final = 5


@dataclass(frozen=True, slots=True)
class Clone:
    """A bare repository in `folder` that has `commit`."""

    program: Program
    remote: Remote
    folder: Path
    commit: str = ""

    async def run(self, *words: str, limit: int = MAX_TEXT) -> bytes:
        return await self.program.run("--git-dir", str(self.folder), *words, limit=limit)


async def list_refs(program: Program, *patterns: str) -> Mapping[str, str]:
    """The hash of each ref that matches; of an annotated tag also, as `refs/tags/x^{}`, that of what it points to."""
    output = await program.run("ls-remote", "origin", *patterns, limit=_MAX_LISTED)
    lines = (line.partition("\t") for line in output.decode("utf-8", "surrogateescape").split("\n"))
    return {name: commit for commit, _, name in lines if name}


async def find_tip(program: Program, remote: Remote, wish: Wish) -> str:
    """The commit that the branch, tag or default branch points to at the moment."""
    patterns = [wish.ref, f"{wish.ref}^{{}}"] if wish.kind == "tag" else [wish.ref]
    found = await list_refs(program, *patterns)
    tip = found.get(f"{wish.ref}^{{}}") or found.get(wish.ref)
    if tip is None:
        raise SourceError(await _describe_missing(program, remote, wish))
    return tip


async def _describe_missing(program: Program, remote: Remote, wish: Wish) -> str:
    try:
        refs = await list_refs(program, "refs/heads/*", "refs/tags/*")
    except GitFailure:  # too many to be listed
        return f"{remote.url} has no {wish.kind or 'default branch'} {wish.name}".rstrip()
    branches, tags = (
        [show(name.removeprefix(folder)) for name in refs if name.startswith(folder) and not name.endswith("^{}")]
        for folder in ("refs/heads/", "refs/tags/")
    )
    if not refs:
        return f"{remote.url} is empty: it has no branches; push a commit with the registry file"
    own, others, other = (tags, branches, "branch") if wish.kind == "tag" else (branches, tags, "tag")
    message = f"{remote.url} has no {f'{wish.kind} {wish.name!r}' if wish.kind else 'default branch'}"
    if wish.name in others:
        return f"{message}, but a {other} of that name: set git.{other} instead"
    if not own:
        return f"{message}, and no other one; set git.{other}: there is {_enumerate(others, wish.name)}"
    return f"{message}{'' if wish.kind else '; set git.branch'}: there is {_enumerate(own, wish.name)}"


def _enumerate(names: list[str], wanted: str) -> str:
    """Some of the names, those first that are most like the one wanted."""
    close = get_close_matches(wanted, names, _MAX_NAMED, 0.5)
    shown = list(dict.fromkeys([*close, *names]))[:_MAX_NAMED]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


async def clone_tip(program: Program, remote: Remote, wish: Wish, length: int, left_out: str) -> Clone:
    """The one commit that the branch, tag or default branch points to; `length` is that of a hash."""
    clone = await _make(program, remote, length)
    await _fetch(clone, left_out, f"+{wish.ref}:{_FETCHED}", depth=1)
    return await _settle(clone, wish)


async def clone_commit(program: Program, remote: Remote, wish: Wish, left_out: str) -> Clone:
    """The commit of a full hash, alone where the server sends any commit it has, else with all of the history."""
    clone = await _make(program, remote, len(wish.name))
    try:
        await _fetch(clone, left_out, f"+{wish.name}:{_FETCHED}", depth=1)
    except GitFailure as failure:
        if hides_commits(failure):
            return await clone_history(program, remote, wish, len(wish.name), left_out)
        if lacks_commit(failure):
            raise SourceError(_describe_absent(clone, wish)) from None
        raise
    return await _settle(clone, wish)


async def clone_history(program: Program, remote: Remote, wish: Wish, length: int, left_out: str) -> Clone:
    """Every commit of every branch and tag, and of them the one whose hash begins with the digits wished for."""
    clone = await _make(program, remote, length)
    left_out = ALL_BUT_COMMITS_LEFT_OUT if left_out else left_out
    await _fetch(clone, left_out, *_HISTORY)
    try:
        commit = await clone.run("rev-parse", "--verify", f"{wish.name}^{{commit}}")
    except GitFailure as failure:
        if "is ambiguous" in failure.complaint:
            message = f"git.commit {wish.name} is ambiguous in {remote.url}: more than one hash begins with it"
            raise SourceError(f"{message}; write more digits of it") from None
        raise SourceError(_describe_absent(clone, wish)) from None
    return Clone(program, remote, clone.folder, commit.decode().strip())


def _describe_absent(clone: Clone, wish: Wish) -> str:
    url = clone.remote.url
    return f"{url} has no commit {wish.name} on any branch or tag; check git.commit, and that it was pushed"


async def _make(program: Program, remote: Remote, length: int) -> Clone:
    folder = program.folder / f"clone-{sum(1 for _ in program.folder.iterdir())}"
    kind = "sha256" if length == 64 else "sha1"
    await program.run("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", str(folder))
    return Clone(program, remote, folder)


async def _fetch(clone: Clone, left_out: str, *refs: str, depth: int | None = None) -> None:
    options = ["--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance"]
    if left_out:
        options.append(f"--filter={left_out}")
    if depth is not None:
        options.append(f"--depth={depth}")
    await clone.run("fetch", *options, "origin", *refs)


async def _settle(clone: Clone, wish: Wish) -> Clone:
    """The clone with the commit that was fetched: since the refs were listed, a branch may have moved on."""
    try:
        commit = await clone.run("rev-parse", "--verify", "--quiet", f"{_FETCHED}^{{commit}}")
    except GitFailure:
        raise SourceError(f"{wish.kind} {wish.name} of {clone.remote.url} does not point to a commit") from None
    return Clone(clone.program, clone.remote, clone.folder, commit.decode().strip())
