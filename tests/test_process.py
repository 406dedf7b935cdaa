"""The real server as a process: start, stop, crash, and everything that can be wrong before it serves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.seeding import document, upstream
from tests.served import postgres_processes, serving, wait_for, write_config

pytestmark = pytest.mark.process


def put(path: Path, *names: str) -> Path:
    path.write_text(json.dumps(upstream([document(name) for name in names])))
    return path


def run_cli(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = "from app.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, cwd=cwd, check=False
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_serves_both_ports_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    with serving(config) as served:
        wait_for(lambda: served.names() == ["a/b"], "the first sync")
        for path in ("/health", "/readiness", "/version"):
            assert served.answers(path)
            assert served.answers(path, internal=True)
        assert served.get("/graphql?query={servers{totalCount}}").json()["data"] == {"servers": {"totalCount": 1}}
        assert postgres_processes(tmp_path / "data")
        assert served.stop(number) == 0
        assert served.process.stdout is not None
        told = served.process.stdout.read()
        for address in (
            f"127.0.0.1:{served.port}/v0.1/servers",
            f"{served.port}/graphql",
            f"{served.internal_port}/health",
        ):
            assert address in told
    assert postgres_processes(tmp_path / "data") == []


def test_kill_9_loses_nothing_and_leaves_no_orphan(tmp_path: Path) -> None:
    source = put(tmp_path / "s.json", "a/b", "a/c")
    config = write_config(tmp_path, {"s": source})
    with serving(config) as served:
        wait_for(lambda: served.names() == ["a/b", "a/c"], "the first sync")
        before = served.get("/v0.1/servers").json()
        served.stop(signal.SIGKILL)
    wait_for(lambda: postgres_processes(tmp_path / "data") == [], "PostgreSQL to follow its killed owner")
    source.unlink()  # what is served from now on can only come from the database
    with serving(config) as served:
        assert served.get("/v0.1/servers").json() == before
        assert served.stop() == 0


def test_running_server_follows_its_file_and_survives_a_broken_one(tmp_path: Path) -> None:
    source = put(tmp_path / "s.json", "a/b")
    with serving(write_config(tmp_path, {"s": source})) as served:
        wait_for(lambda: served.names() == ["a/b"], "the first sync")
        put(source, "a/b", "a/new")
        wait_for(lambda: served.names() == ["a/b", "a/new"], "the change")
        query = "/graphql?query={sources{nodes{sync{phase message}}}}"

        def sync() -> dict[str, str]:
            state: dict[str, str] = served.get(query).json()["data"]["sources"]["nodes"][0]["sync"]
            return state

        source.write_bytes(b"{broken")
        wait_for(lambda: sync()["phase"] == "FAILED", "the failure to show")
        assert "JSON" in sync()["message"]
        assert served.names() == ["a/b", "a/new"]
        put(source, "a/new")
        wait_for(lambda: served.names() == ["a/new"], "the recovery")


def test_postgres_that_dies_is_brought_back(tmp_path: Path) -> None:
    with serving(write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})) as served:
        wait_for(lambda: served.names() == ["a/b"], "the first sync")
        postmaster = int((tmp_path / "data/postgres/postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        wait_for(lambda: served.answers("/v0.1/servers") and served.names() == ["a/b"], "recovery")
        assert served.answers("/health")
        assert served.stop() == 0


def test_taken_port_is_a_clear_error_and_starts_nothing(tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    source = put(tmp_path / "s.json", "a/b")
    with serving(write_config(tmp_path, {"s": source})) as first:
        second = write_config(tmp_path / "second", {"s": source})
        with serving(second, port=first.port, ready=False) as refused:
            assert refused.process.wait(60) == 1
            message = refused.log.read_text()
        assert f"cannot listen on 127.0.0.1:{first.port}" in message
        assert "--address" in message
        assert "Traceback" not in message
        assert not (tmp_path / "second/data").exists()
        assert first.answers()


def test_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    with serving(config) as first:
        with serving(config, ready=False) as second:
            assert second.process.wait(60) == 1
            message = second.log.read_text()
        assert "fileStorage.baseDir" in message
        assert "Traceback" not in message
        assert first.answers()


def test_data_directory_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a directory")
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    with serving(config, ready=False) as refused:
        assert refused.process.wait(60) == 1
        message = refused.log.read_text()
    assert message.startswith("Error: ")
    assert str(tmp_path / "data") in message
    assert "Traceback" not in message


def test_oauth_is_checked_but_never_served_open(tmp_path: Path) -> None:
    provider = {"name": "idp", "issuerUrl": "https://idp.example.com", "audience": "api://registry"}
    oauth = {"mode": "oauth", "oauth": {"providers": [provider]}}
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")}, auth=oauth)
    checked = run_cli("check-config", f"--config={config}")
    assert (checked.returncode, checked.stderr) == (0, "")
    for arguments in ([], ["--auth-mode=oauth"]):
        refused = run_cli("serve", f"--config={config}", "--address=127.0.0.1:0", *arguments)
        assert refused.returncode == 1
        assert "oauth is not built yet" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_every_problem_of_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text("sources:\n  - name: A b\n    file: {pth: x}\nauth: {mode: anonymus}\n")
    refused = run_cli("check-config", f"--config={config}")
    assert refused.returncode == 1
    for words in ("line 2: sources[0].name", "line 3: sources[0].file.pth", "path", "line 4: auth.mode"):
        assert words in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [["serve"], ["serve", "--config=nowhere.yaml"], ["nonsense"]])
def test_wrong_command_lines_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    refused = run_cli(*arguments, cwd=tmp_path)
    assert refused.returncode != 0
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("address", ["8080", ":x", ":99999", "no.such.host.example:1"])
def test_unusable_address_is_a_clear_error(tmp_path: Path, address: str) -> None:
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    refused = run_cli("serve", f"--config={config}", f"--address={address}")
    assert refused.returncode == 1
    assert address in refused.stderr
    assert "Traceback" not in refused.stderr


def test_migrate_up_makes_the_schema_of_an_embedded_database(tmp_path: Path) -> None:
    config = write_config(tmp_path, {"s": put(tmp_path / "s.json", "a/b")})
    done = run_cli("migrate", "up", "--yes", f"--config={config}")
    assert (done.returncode, done.stdout) == (0, "the database is up to date\n"), done.stderr
    assert (tmp_path / "data/postgres/PG_VERSION").exists()
    assert postgres_processes(tmp_path / "data") == []


def test_file_whose_path_is_not_utf_8_is_read_or_named(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    source = Path(os.fsdecode(folder)) / "s.json"
    put(source, "a/b")
    config = write_config(tmp_path, {"s": tmp_path / "link.json"})
    (tmp_path / "link.json").symlink_to(source)
    with serving(config) as served:
        wait_for(lambda: served.names() == ["a/b"], "the first sync")
        source.unlink()
        wait_for(lambda: "FAILED" in served.get("/graphql?query={sources{nodes{sync{phase}}}}").text, "the failure")
        assert served.names() == ["a/b"]


def test_log_of_a_crash_holds_no_token(tmp_path: Path) -> None:
    code = (
        "import structlog, sys; from app.core.logging import configure_logging; configure_logging('info')\n"
        "def crash(token):\n    raise ValueError('x')\n"
        "try:\n    crash('SECRET' + 'TOKEN')\nexcept ValueError:\n    structlog.get_logger().exception('crashed')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stderr)["exception"][0]["exc_type"] == "ValueError"
    assert "SECRETTOKEN" not in done.stderr
