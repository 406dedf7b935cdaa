"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.core.replacement import replacing


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.json"
    path.write_bytes(b"old")
    return path


def test_reader_sees_the_old_content_until_the_new_is_complete(file: Path) -> None:
    with file.open("rb") as opened_before:
        with replacing(file) as new:
            new.write(b"new")
            new.flush()
            assert file.read_bytes() == b"old"
        assert opened_before.read() == b"old"
    assert file.read_bytes() == b"new"
    assert list(file.parent.iterdir()) == [file]


def write_half(path: Path) -> None:
    with replacing(path) as new:
        new.write(b"half")
        raise ZeroDivisionError


def test_failure_leaves_the_old_content_and_nothing_else(file: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        write_half(file)
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_absent_file_is_made_with_the_usual_permissions(tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    with replacing(tmp_path / "new") as new:
        new.write(b"x")
    assert (tmp_path / "new").read_bytes() == b"x"
    assert (tmp_path / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_permissions_stay(file: Path) -> None:
    file.chmod(0o640)
    with replacing(file) as new:
        new.write(b"new")
    assert (file.read_bytes(), file.stat().st_mode & 0o7777) == (b"new", 0o640)


def test_link_stays_and_leads_to_the_new_content(file: Path, tmp_path: Path) -> None:
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link"
    link.symlink_to(file)
    with replacing(link) as new:
        new.write(b"new")
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert list(link.parent.iterdir()) == [link]


def test_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with replacing(pipe) as new:
        new.write(b"streamed")
    assert os.read(reader, 100) == b"streamed"
    os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(("place", "error"), [("no/such/file", FileNotFoundError), (".", IsADirectoryError)])
def test_place_that_cannot_be_written_is_an_error(tmp_path: Path, place: str, error: type[OSError]) -> None:
    with pytest.raises(error), replacing(tmp_path / place):
        pass
    assert list(tmp_path.iterdir()) == []
