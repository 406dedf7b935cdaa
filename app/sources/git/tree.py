"""Reads one file of a commit. Owns what makes a path unusable: absent, no regular file, too large, elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import Final

from app.core.errors import SourceError
from app.sources.git.clone import Clone
from app.sources.git.faults import show
from app.sources.git.program import GitFailure

_LFS: Final = b"version https://git-lfs.github.com/spec/"
_LARGEST_POINTER: Final = 1024
_LONGEST_TARGET: Final = 4096
_MAX_NAMED: Final = 8

_LINK: Final = "120000"
_SUBMODULE: Final = "160000"


@dataclass(frozen=True, slots=True)
class _Entry:
    mode: str
    kind: str
    object: str
    path: str


async def read_file(clone: Clone, path: str) -> bytes:
    """The bytes of the file at `path`, normalised, of the clone's commit. Raises SourceError, GitFailure."""
    entry = await _find_entry(clone, path)
    if entry is None:
        raise SourceError(await _describe_missing(clone, PurePosixPath(path)))
    if entry.kind != "blob" or entry.mode == _LINK:
        raise SourceError(f"{_place(clone, path)} {await _describe_kind(clone, entry)}")
    limit = clone.program.limits.file_bytes
    size = await _measure(clone, entry)
    if size > limit:
        raise SourceError(f"{_place(clone, path)} has {size} bytes, more than the {limit >> 20} MiB that are read")
    data = await clone.run("cat-file", "blob", entry.object, limit=limit)
    if len(data) < _LARGEST_POINTER and data.startswith(_LFS):
        raise SourceError(f"{_place(clone, path)} is a Git LFS pointer; store the file itself")
    return data


def _place(clone: Clone, path: str) -> str:
    return f"{path} at commit {clone.commit} of {clone.remote.url}"


async def _measure(clone: Clone, entry: _Entry) -> int:
    """The size in bytes; the file is brought to the disk by this, and not into memory."""
    return int(await clone.run("cat-file", "-s", entry.object))


async def _find_entry(clone: Clone, path: str) -> _Entry | None:
    found = await _list_entries(clone, clone.commit, path)
    return found[0] if found else None


async def _list_entries(clone: Clone, tree: str, *paths: str) -> list[_Entry]:
    output = await clone.run("ls-tree", "-z", "--full-tree", tree, "--", *paths)
    entries = []
    for record in output.decode("utf-8", "surrogateescape").split("\0"):
        if record:
            words, _, name = record.partition("\t")
            mode, kind, key = words.split(" ")
            entries.append(_Entry(mode, kind, key, name))
    return entries


async def _describe_kind(clone: Clone, entry: _Entry) -> str:
    if entry.mode == _SUBMODULE:
        return "is a submodule, another repository; make a source of that one"
    if entry.mode == _LINK:
        target = await clone.run("cat-file", "blob", entry.object, limit=_LONGEST_TARGET)
        return f"is a symbolic link to {show(target.decode('utf-8', 'surrogateescape'))}; name the file it leads to"
    if entry.kind == "blob":
        return "is a file"
    inside = await _name_files(clone, entry, "registry.json")
    return f"is a directory; git.path must name a file, and in it there is {inside}"


async def _describe_missing(clone: Clone, path: PurePosixPath) -> str:
    message = f"{path} does not exist at commit {clone.commit} of {clone.remote.url}"
    for parent in list(path.parents)[:-1]:
        entry = await _find_entry(clone, str(parent))
        if entry is None:
            continue
        if entry.kind == "tree":
            beside = await _name_files(clone, entry, path.name)
            return f"{message}; in {parent} there is {beside}"
        return f"{message}: {parent} {await _describe_kind(clone, entry)}"
    root = _Entry("040000", "tree", clone.commit, "")
    return f"{message}; at its top there is {await _name_files(clone, root, path.parts[0])}"


async def _name_files(clone: Clone, folder: _Entry, wanted: str) -> str:
    """Some of the names in a folder: first those like the one wanted, then JSON files. Never empty."""
    try:
        entries = await _list_entries(clone, folder.object)
    except GitFailure:  # too many to be listed
        return "something else"
    names = [f"{show(entry.path)}{'/' if entry.kind == 'tree' else ''}" for entry in entries]
    close = get_close_matches(wanted, names, _MAX_NAMED, 0.6)
    json = [name for name in names if name.endswith(".json")]
    shown = list(dict.fromkeys([*close, *json, *names]))[:_MAX_NAMED]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"{', '.join(shown)}{more}" or "nothing"
