"""Registry files on the local disk: read when they changed, and only then."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.core.errors import SourceError
from app.sources import files
from app.sources.fetching import Fetched, FetchRequest
from app.sources.files import fetch_inline, fetch_path, is_inline
from tests.sources.samples import image_entry, server, toolhive, upstream

LONG_AGO = (10**18, 10**18)
"""A time of change, in nanoseconds, that nobody takes for just now."""


def write(path: Path, data: bytes, times: tuple[int, int] | None = LONG_AGO) -> None:
    path.write_bytes(data)
    if times is not None:
        os.utime(path, ns=times)


async def fetch(path: Path | str, state: Mapping[str, Any] | None = None, **more: Any) -> Fetched:
    """What the engine stores of the state, the adapter gets back: JSON."""
    known = orjson.loads(orjson.dumps(state or {}))
    return await fetch_path(FetchRequest("file", {"file": {"path": str(path)}, **more}, state=known))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_file_is_read_and_its_digest_is_its_revision(tmp_path: Path) -> None:
    path, data = tmp_path / "r.json", upstream(server(), server(name="ab/cd"), server(name="bad"))
    write(path, data)
    reports: list[int] = []
    request = FetchRequest("file", {"file": {"path": str(path)}}, report=reports.append)
    fetched = await fetch_path(request)
    assert fetched.snapshot is not None
    assert [document.name for document in fetched.snapshot.documents] == ["io.github.acme/db", "ab/cd"]
    assert (fetched.snapshot.fetched, len(fetched.snapshot.rejections), reports) == (3, 1, [3])
    assert fetched.revision == digest(data)


async def test_file_that_has_its_mark_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.json"
    write(path, upstream(server()))
    first = await fetch(path)

    class Unread(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("the file was read")

    monkeypatch.setattr(files, "open", Unread, raising=False)
    again = await fetch(path, first.state)
    assert (again.snapshot, again.revision, again.state) == (None, first.revision, first.state)
    with pytest.raises(AssertionError, match="the file was read"):
        await fetch(path)


async def test_mark_is_what_the_disk_says_of_the_file_itself(tmp_path: Path) -> None:
    """A content that differs and a mark that does not prove that the mark alone was looked at."""
    path, old, new = tmp_path / "r.json", upstream(server(title="a")), upstream(server(title="b"))
    write(path, old)
    first = await fetch(path)
    write(path, new)
    assert (await fetch(path, first.state)).snapshot is None
    other = tmp_path / "other.json"
    write(other, new)
    other.replace(path)  # as a careful program writes a file: another one takes its place
    fetched = await fetch(path, first.state)
    assert fetched.snapshot is not None
    assert fetched.revision == digest(new)


@pytest.mark.parametrize("change", ["time", "size"])
async def test_other_time_or_size_has_the_file_read(tmp_path: Path, change: str) -> None:
    path = tmp_path / "r.json"
    write(path, upstream(server(title="a")))
    first = await fetch(path)
    if change == "time":
        write(path, upstream(server(title="b")), (LONG_AGO[0], LONG_AGO[1] + 1))
    else:
        write(path, upstream(server(title="longer")))
    fetched = await fetch(path, first.state)
    assert fetched.snapshot is not None
    assert fetched.revision != first.revision


async def test_file_that_changed_just_now_is_read_again(tmp_path: Path) -> None:
    """It may be written to once more within the same tick of the file system's clock."""
    path, old, new = tmp_path / "r.json", upstream(server(title="a")), upstream(server(title="b"))
    write(path, old, None)
    first = await fetch(path)
    assert set(first.state) == {"path", "digest"}
    told = path.stat()
    write(path, new, (told.st_atime_ns, told.st_mtime_ns))
    fetched = await fetch(path, first.state)
    assert fetched.snapshot is not None
    assert fetched.revision == digest(new)
    os.utime(path, ns=LONG_AGO)
    assert set((await fetch(path, fetched.state)).state) == {"path", "digest", "mark"}, "it is settled by now"


async def test_file_from_the_future_is_read_each_time(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write(path, upstream(server()), (4 * 10**18, 4 * 10**18))
    assert set((await fetch(path)).state) == {"path", "digest"}


async def test_touched_file_is_unchanged_and_gets_its_new_mark(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write(path, upstream(server()))
    first = await fetch(path)
    os.utime(path, ns=(LONG_AGO[0], LONG_AGO[1] + 10**9))
    again = await fetch(path, first.state)
    assert (again.snapshot, again.revision) == (None, first.revision)
    assert again.state["digest"] == first.state["digest"]
    assert again.state["mark"] != first.state["mark"]


async def test_what_is_known_of_another_file_does_not_count(tmp_path: Path) -> None:
    path, link = tmp_path / "r.json", tmp_path / "link.json"
    write(path, upstream(server()))
    first = await fetch(path)
    os.link(path, link)  # the same file, and so the same mark, under another name
    again = await fetch(link, first.state)
    assert again.state == {**first.state, "path": str(link)}
    assert again.snapshot is None, "the content is the same, whatever its name"


@pytest.mark.parametrize(
    "state", [{}, {"digest": "x"}, {"mark": [1, 2, 3, 4]}, {"path": 1, "digest": 2}, {"url": "https://example.com"}]
)
async def test_memory_of_something_else_has_everything_read(tmp_path: Path, state: dict[str, Any]) -> None:
    path = tmp_path / "r.json"
    write(path, upstream(server()))
    assert (await fetch(path, state)).snapshot is not None


async def test_format_is_the_configured_one(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    write(path, toolhive({"db": image_entry()}))
    fetched = await fetch(path, format="toolhive")
    assert fetched.snapshot is not None
    assert len(fetched.snapshot.documents) == 1
    with pytest.raises(SourceError, match="format: upstream is configured"):
        await fetch(path, format="upstream")


async def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2**20)
    absent, big, loop, pipe = (tmp_path / name for name in ("absent", "big", "loop", "pipe"))
    loop.symlink_to(loop)
    os.mkfifo(pipe)
    write(big, b" " * (2**20 + 1))
    for path, words in (
        (absent, f"file not found: {absent}"),
        (tmp_path, f"{tmp_path}"),
        (pipe, f"{pipe} is no regular file; file.path must name one"),
        (loop, f"cannot read {loop}: Too many levels of symbolic links"),
        (big, f"{big} is larger than 1 MiB, the most a file may have"),
        (tmp_path / "x" / "\0", "cannot read"),
        ("x" * 5000, "File name too long"),
    ):
        with pytest.raises(SourceError) as caught:
            await fetch(path)
        assert words in str(caught.value)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc to count open files")
async def test_what_cannot_be_read_is_not_left_open(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = len(os.listdir("/proc/self/fd"))
    for path in (tmp_path, tmp_path / "pipe", tmp_path / "absent"):
        for _ in range(3):
            with pytest.raises(SourceError):
                await fetch(path)
    assert len(os.listdir("/proc/self/fd")) == before


async def test_largest_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 2**20)
    data = upstream(server())
    write(tmp_path / "r.json", data + b" " * (2**20 - len(data)))
    assert (await fetch(tmp_path / "r.json")).snapshot is not None


async def test_inline_data_are_read_until_they_are_known() -> None:
    data = upstream(server()).decode()
    config = {"file": {"data": data}}
    first = await fetch_inline(FetchRequest("file", config))
    assert first.snapshot is not None
    assert first.revision == digest(data.encode())
    again = await fetch_inline(FetchRequest("file", config, state=json.loads(json.dumps(first.state))))
    assert (again.snapshot, again.revision, again.state) == (None, first.revision, first.state)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"file": {"data": "{}"}}, True),
        ({"file": {"data": ""}}, False),
        ({"file": {"path": "x"}}, False),
        ({"git": {"repository": "x"}}, False),
    ],
)
def test_inline_is_what_has_data(config: dict[str, Any], expected: bool) -> None:
    assert is_inline(config) is expected
