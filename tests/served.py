"""Starts the real server as a process of its own, on free loopback ports, and watches what it leaves behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

DEADLINE_SECONDS = 60.0


def free_port() -> int:
    """Below the ports that the system gives to outgoing connections: none of those can take it before it is used."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with socket.socket() as held:
            try:
                held.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def write_config(folder: Path, files: dict[str, Path], **more: Any) -> Path:
    """A configuration with one file source a name, its data in `folder/data`."""
    config = {
        "sources": [
            {"name": name, "file": {"path": str(path)}, "syncPolicy": {"interval": "1s", "maxRemovalPercent": 100}}
            for name, path in files.items()
        ],
        "registries": [{"name": "default", "sources": list(files)}],
        "auth": {"mode": "anonymous"},
        "fileStorage": {"baseDir": str(folder / "data")},
        **more,
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path


def postgres_processes(data: Path) -> list[int]:
    """The processes whose working directory is the embedded PostgreSQL's."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if Path(os.readlink(entry / "cwd")) == (data / "postgres").resolve():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


@dataclass
class Served:
    process: subprocess.Popen[str]
    port: int
    internal_port: int
    log: Path

    def get(self, path: str, *, internal: bool = False) -> httpx.Response:
        port = self.internal_port if internal else self.port
        return httpx.get(f"http://127.0.0.1:{port}{path}", timeout=10, trust_env=False)

    def answers(self, path: str = "/readiness", *, internal: bool = False) -> bool:
        try:
            return self.get(path, internal=internal).status_code == 200
        except httpx.HTTPError:
            return False

    def names(self) -> list[str]:
        return [item["server"]["name"] for item in self.get("/v0.1/servers?limit=1000").json()["servers"]]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


@contextmanager
def serving(config: Path, *, port: int | None = None, ready: bool = True) -> Iterator[Served]:
    """A running server; ended by SIGKILL at the latest when the block ends."""
    public, internal = port or free_port(), free_port()
    log = config.parent / f"server-{internal}.log"
    command = [
        sys.executable,
        "-c",
        "from app.cli import main; main()",
        "serve",
        f"--config={config}",
        f"--address=127.0.0.1:{public}",
        f"--internal-address=127.0.0.1:{internal}",
    ]
    with log.open("w") as output:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output, text=True, start_new_session=True)
    served = Served(process, public, internal, log)
    try:
        if ready:
            wait_for(lambda: served.answers() or process.poll() is not None, "readiness")
            assert process.poll() is None, log.read_text()
        yield served
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
