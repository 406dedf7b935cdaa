"""PostgreSQL processes that live in a data directory, whoever started them.

Answers from the process table only. A `postmaster.pid` is no proof of anything: its process may be dead, a zombie or,
when the number was given out again, something else altogether.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil
import structlog

from app.core.errors import Unavailable

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.02
# Fast shutdown writes a checkpoint first. PostgreSQL itself kills what ignores an immediate one after 5 seconds.
STOP_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 8.0), (signal.SIGKILL, 5.0))

_NAMES = ("postgres", "initdb")


def cluster_name(directory: Path) -> str:
    """The mark that PostgreSQL shows in the command line of all its processes."""
    found = directory.stat()
    return f"thv-registry-{found.st_dev:x}-{found.st_ino:x}"


def find_residents(directory: Path) -> list[psutil.Process]:
    """Living PostgreSQL processes whose working directory is `directory`."""
    if not directory.is_dir():
        return []
    # Not psutil.process_iter: it remembers processes, and one whose number was given out again could not be signalled.
    return [process for pid in psutil.pids() if (process := _resident(pid, directory))]


async def stop_residents(directory: Path, steps: Sequence[tuple[signal.Signals, float]] = STOP_STEPS) -> None:
    """End all of them, politely first. Only for who holds the directory's lock. Raises `Unavailable` if one stays."""
    residents = await asyncio.to_thread(find_residents, directory)
    for number, seconds in steps:
        if not residents:
            return
        log.warning("stopping leftover PostgreSQL processes", pids=[each.pid for each in residents], signal=number.name)
        _send(residents, number)
        deadline = time.monotonic() + seconds
        while residents and time.monotonic() < deadline:
            await asyncio.sleep(POLL_SECONDS)
            residents = await asyncio.to_thread(find_residents, directory)
    if residents:
        pids = ", ".join(str(each.pid) for each in residents)
        raise Unavailable(f"PostgreSQL processes of {str(directory)!r} cannot be stopped: {pids}")


def _resident(pid: int, directory: Path) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        return process if process.name() in _NAMES and _lives_in(process, directory) else None
    except (psutil.Error, OSError):
        return None  # It ended meanwhile, or is a zombie, or none of our business.


def _lives_in(process: psutil.Process, directory: Path) -> bool:
    try:
        return os.path.samefile(process.cwd(), directory)
    except (psutil.AccessDenied, PermissionError):
        # Root in a container may lack the right to look into another user's process; the command line is open.
        owned = process.uids().real == directory.stat().st_uid
        return owned and cluster_name(directory) in " ".join(process.cmdline())


def _send(residents: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal the postmaster, which tells its backends; without one, the backends themselves.

    SIGINT is for a postmaster only: the checkpointer understands it as an order to write the last checkpoint.
    """
    pids = {process.pid for process in residents}
    for process in residents:
        with suppress(psutil.Error):
            if number is signal.SIGKILL:
                process.kill()
            elif process.ppid() not in pids:
                process.send_signal(number if _is_postmaster(process) else signal.SIGQUIT)


def _is_postmaster(process: psutil.Process) -> bool:
    """Backends overwrite their command line with a title."""
    return not " ".join(process.cmdline()).startswith("postgres:")
