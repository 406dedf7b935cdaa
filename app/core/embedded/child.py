"""One child process that cannot outlive this one.

Owns the fork, the death signal and the wait. Knows nothing of PostgreSQL.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from app.core.embedded.account import Account
from app.core.errors import Unavailable

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Command:
    """`death_signal` is what the child gets when we die, where the kernel offers that (Linux)."""

    argv: Sequence[str | Path]
    directory: Path
    account: Account | None
    log: Path
    death_signal: signal.Signals


class Child:
    """`ended` is set when the process is gone, and `code` then holds its exit code (negative: the signal)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.pid = process.pid
        self.ended = asyncio.Event()
        self.code: int | None = None
        self._process = process
        self._loop = asyncio.get_running_loop()
        # A daemon thread of its own: a wait in the loop's executor would hold one of its few threads for the server's
        # whole life and make the loop's shutdown wait for the child.
        threading.Thread(target=self._wait, name=f"wait-{self.pid}", daemon=True).start()

    def send(self, number: signal.Signals) -> None:
        """Does nothing when the process is gone."""
        self._process.send_signal(number)

    async def wait(self, seconds: float) -> bool:
        """Whether the process is gone after at most `seconds`."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.ended.wait(), seconds)
        return self.ended.is_set()

    def _wait(self) -> None:
        code = self._process.wait()
        # A loop that is closed already has nobody left who would want to know.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._end, code)

    def _end(self, code: int) -> None:
        self.code = code
        self.ended.set()


def spawn(command: Command) -> Child:
    """Start `command`, its output appended to `command.log`. Raises `Unavailable` when it cannot be started.

    Must be called from the thread that runs the event loop: the death signal is sent when the *thread* that forked
    ends, so a thread of a pool would take the child down with it. Popen rather than asyncio's own subprocesses because
    uvloop forks by itself, without `user`, `group` and a hook after the change of user.
    """
    output = os.open(command.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed program of our own installation, no shell
            [os.fspath(part) for part in command.argv],
            cwd=command.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            # A Ctrl-C in the terminal is for us alone: we stop the child in order.
            start_new_session=True,
            preexec_fn=_death_signal_hook(command.death_signal),
            **(command.account.popen_args() if command.account else {}),
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"Cannot run {command.argv[0]}: {error}") from error
    finally:
        os.close(output)
    return Child(process)


def _environment() -> dict[str, str]:
    """Nothing of ours: it may hold secrets, and PGDATA or LC_ALL would change what PostgreSQL does."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", **kept}


def _death_signal_hook(number: signal.Signals) -> Callable[[], None] | None:
    """What the child runs between fork and exec: after the change of user, which would clear the setting again.

    Everything is looked up before the fork, and PyDLL keeps the interpreter lock, as another thread's lock would never
    be released in the child.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.PyDLL(None).prctl
    parent, death = os.getpid(), int(number)

    def ask_for_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, death, 0, 0, 0)
        if os.getppid() != parent:  # We died before the request; no signal will come.
            os._exit(1)

    return ask_for_death_signal
