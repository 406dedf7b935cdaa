"""A disk that is too small for a git repository, and is not for ever."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.scene import Catalogue, Ground, Watcher, check_pages, fail, reach, starting, wait_for_list, watching
from tests.gitserver import Repository
from tests.seeding import document, upstream

pytestmark = pytest.mark.faults

NAMES = [f"io.github.org/server-{number}" for number in range(40)]


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Temporary files have a megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = mount(folder, "size=1m")
    if done.returncode:
        pytest.skip(f"mounting a tmpfs is not allowed here, so no disk can be filled: {done.stderr.decode().strip()}")
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == [], "nothing is left there"
    subprocess.run(["umount", str(folder)], check=True, timeout=30)


def mount(folder: Path, options: str) -> subprocess.CompletedProcess[bytes]:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True, timeout=30, check=False)


def render(title: str, padding: int) -> dict[str, str]:
    """A registry file, padded with what git cannot compress."""
    noise = random.Random(title).randbytes(padding).hex()  # noqa: S311 - no secret
    return {"registry.json": json.dumps({**upstream([document(name, title=title) for name in NAMES]), "noise": noise})}


def holding(title: str) -> Catalogue:
    return frozenset((name, "1.0.0", title) for name in NAMES)


async def test_full_disk_fails_the_run_alone(small_disk: Path, ground: Ground) -> None:
    repository = Repository.make(ground.folder / "repository")
    repository.commit(render("First", 10))
    source = {"name": "s", "git": {"repository": repository.url}, "syncPolicy": {"interval": "1s"}}
    config = ground.write([source], outbound={"allowFileRepositories": True})
    async with starting(config) as served:
        await wait_for_list(served, holding("First"))
        watcher = Watcher(served, [holding("First")])
        async with watching(watcher):
            repository.commit(render("Second", 2_000_000))
            await fail(served, "s", "TMPDIR")
            watcher.allowed.append(holding("Second"))
            assert mount(small_disk, "remount,size=64m").returncode == 0
            await wait_for_list(served, holding("Second"))
        await reach(served, "s", phase="COMPLETE")
        await check_pages(served, holding("Second"))
