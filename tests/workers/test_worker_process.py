"""The worker as a process, by our own command and by arq's: beside a server, with Redis coming late, told to stop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.redisserver import RedisServer, working
from tests.seeding import document, upstream
from tests.served import serving, wait_for, write_config

pytestmark = pytest.mark.process

ARQ = (sys.executable, "-m", "arq", "workers.settings.WorkerSettings")


def put(path: Path, *names: str) -> Path:
    path.write_text(json.dumps(upstream([document(name) for name in names])))
    return path


def test_server_and_worker_wait_for_redis_then_share_the_work(tmp_path: Path) -> None:
    source, redis = put(tmp_path / "s.json", "a/b"), RedisServer(tmp_path)
    config = write_config(tmp_path, {"s": source}, redis={"url": redis.url})
    log = tmp_path / "worker.log"
    with serving(config) as served, working(config) as worker:
        assert served.answers("/readiness", internal=True)
        assert served.names() == []
        wait_for(lambda: "queue_away" in served.log.read_text(), "the server's complaint")
        wait_for(lambda: "queue_away" in log.read_text(), "the worker's complaint")
        try:
            redis.start()
            wait_for(lambda: served.names() == ["a/b"], "the worker's first sync")
            worker.terminate()
            assert worker.wait(30) == 0
            put(source, "a/new")
            with working(config, *ARQ, **{**os.environ, "THV_REGISTRY_CONFIG": str(config)}) as plain:
                wait_for(lambda: served.names() == ["a/new"], "the sync by arq's own command")
                plain.terminate()
                assert plain.wait(30) == 0
        finally:
            redis.kill()
        assert served.stop() == 0
    assert "Traceback" not in log.read_text()
    assert "takes jobs from the queue thv-registry-api" in log.read_text()
    assert served.log.read_text().count("queue_away") <= 2


def test_worker_waits_for_a_database_that_a_server_made_and_stops_when_told(tmp_path: Path) -> None:
    postgres = {
        "host": "127.0.0.1",
        "port": 1,
        "user": "u",
        "database": "d",
        "password": "SECRET",
        "sslMode": "disable",
    }
    config = write_config(
        tmp_path, {"s": put(tmp_path / "s.json", "a/b")}, redis={"url": "redis://127.0.0.1:1/0"}, database=postgres
    )
    with working(config) as worker:
        wait_for(lambda: "worker_waits_for_database" in (tmp_path / "worker.log").read_text(), "the complaint")
        worker.terminate()
        assert worker.wait(30) == 0
    told = (tmp_path / "worker.log").read_text()
    assert told.count("worker_waits_for_database") == 1
    assert "SECRET" not in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    ("command", "environment", "words"),
    [
        ((), {}, "redis: is required for a worker"),
        (ARQ, {"THV_REGISTRY_CONFIG": ""}, "THV_REGISTRY_CONFIG: is not set"),
        (ARQ, {"THV_REGISTRY_CONFIG": "nowhere.yaml"}, "nowhere.yaml"),
    ],
)
def test_worker_that_cannot_start_says_why(
    tmp_path: Path, command: tuple[str, ...], environment: dict[str, str], words: str
) -> None:
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    with working(config, *command, **{**os.environ, **environment}) as worker:
        assert worker.wait(30) == 1
    told = (tmp_path / "worker.log").read_text()
    assert words in told
    assert told.startswith("Error: ")
    assert "Traceback" not in told


def test_importing_the_settings_reads_nothing() -> None:
    code = "import workers.settings as s; print(hasattr(s, 'Other'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, env={})
    assert done.stdout == "False\n"
