"""`sync` and `sources` as processes of their own: beside a running server, without one, on a terminal, two at once."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.cli import cli
from app.console.table import draw_sources
from app.console.wording import tell_time
from app.core.embedded import visit
from app.resolvers.context import Ctx
from app.resolvers.sources import list_sources
from tests.seeding import document, seed, upstream
from tests.served import DEADLINE_SECONDS, Served, postgres_processes, serving, wait_for, write_config

pytestmark = pytest.mark.process

PROGRAM = [sys.executable, "-c", "from app.cli import main; main()"]
TWELVE = [document(f"a/s{number:02}") for number in range(12)]
GIVEN_BACK = """select count(*) from source s where lease_owner is null and next_run_at <= now() and 'INTERRUPTED' =
    (select outcome from sync_run where source_id = s.id order by id desc limit 1)"""
NOW = datetime(2026, 1, 1, tzinfo=UTC)
NEWEST = "select %s from sync_run where source_id = (select id from source where name = $1) order by id desc limit 1"


class Gate:
    """An HTTP server that holds back its answers while it is shut."""

    def __init__(self, documents: Sequence[Any]) -> None:
        self.open = threading.Event()
        self.open.set()
        self.documents = documents
        self.seen = 0
        gate = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                gate.seen += 1
                body = json.dumps(upstream(gate.documents)).encode()
                gate.open.wait(DEADLINE_SECONDS)
                try:
                    self.send_response(200)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    return  # whoever asked has left

            def log_message(self, format: str, *args: Any) -> None:
                """Not on the tests' standard error."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/registry.json"

    @contextmanager
    def shut(self) -> Iterator[None]:
        self.open.clear()
        try:
            yield
        finally:
            self.open.set()


@contextmanager
def gated(documents: Sequence[Any]) -> Iterator[Gate]:
    gate = Gate(documents)
    thread = threading.Thread(target=gate.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield gate
    finally:
        gate.open.set()
        gate.server.shutdown()
        thread.join()
        gate.server.server_close()


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A command sets up the log of its process, which here is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def run(command: str, config: Path, *arguments: str) -> Result:
    """The command in this process, which saves the time of loading it again."""
    done = CliRunner().invoke(cli, [command, f"--config={config}", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@contextmanager
def started(config: Path, *arguments: str, **streams: Any) -> Iterator[subprocess.Popen[str]]:
    """The command `sync` as a process of its own; killed at the end of the block at the latest."""
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    command = [*PROGRAM, "sync", f"--config={config}", *arguments]
    with subprocess.Popen(command, text=True, **given) as process:
        try:
            yield process
        finally:
            process.kill()


def in_database(config: Path, statement: str, *arguments: Any) -> Any:
    async def ask() -> Any:
        async with visit(config.parent / "data" / "postgres") as found:
            connection = await asyncpg.connect(**found)
            try:
                return await connection.fetchval(statement, *arguments)
            finally:
                await connection.close()

    return asyncio.run(ask())


def everything(config: Path) -> dict[str, str]:
    """For each table, whatever tables there are, what its rows come to."""
    names = in_database(config, "select string_agg(tablename, ' ') from pg_tables where schemaname = 'public'").split()
    digest = "select md5(string_agg(t::text, ' ' order by t::text)) from %s t"
    return {name: in_database(config, digest % name) for name in names}


def write(config: Path, source: str, documents: Sequence[Any]) -> None:
    (config.parent / f"{source}.json").write_text(json.dumps(upstream(documents)))


def make_config(folder: Path, files: Sequence[str], gate: Gate, slow: Sequence[str] = ("slow",)) -> Path:
    """File sources of twelve documents each, slow ones and a managed one; nothing runs by itself for an hour."""
    hourly = {"syncPolicy": {"interval": "1h"}}
    sources: list[dict[str, Any]] = [
        {"name": name, "file": {"path": str(folder / f"{name}.json")}, **hourly} for name in files
    ]
    sources.extend({"name": name, "file": {"url": gate.url}, **hourly} for name in slow)
    sources.append({"name": "by-hand", "managed": {}})
    names = [source["name"] for source in sources]
    config = write_config(
        folder,
        {},
        sources=sources,
        registries=[{"name": "default", "sources": names}],
        outbound={"allowPrivate": ["127.0.0.1"]},
    )
    for name in files:
        write(config, name, TWELVE)
    return config


def listed(config: Path) -> dict[str, dict[str, Any]]:
    done = run("sources", config, "--json")
    assert done.exit_code == 0
    return {item["name"]: item for item in json.loads(done.stdout)}


@pytest.fixture(scope="module")
def gate() -> Iterator[Gate]:
    with gated([document("slow/one")]) as opened:
        yield opened


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Path:
    return make_config(tmp_path_factory.mktemp("served"), ["catalog", "other", "shrinking", "broken"], gate)


@pytest.fixture(scope="module")
def served(config: Path, gate: Gate) -> Iterator[Served]:
    with serving(config) as running:
        wait_for(lambda: {"a/s00", "slow/one"} <= set(running.names()), "the first sync")
        yield running


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, gate: Gate) -> Path:
    """The configuration of a server that has served and ended."""
    config = make_config(tmp_path_factory.mktemp("stopped"), ["catalog"], gate, ["slow", "slow-too"])
    with serving(config) as running:
        wait_for(lambda: {"a/s00", "slow/one"} <= set(running.names()), "the first sync")
        assert running.stop() == 0
    return config


def test_changed_source_is_applied_beside_a_server(served: Served, config: Path) -> None:
    changed = [document("a/s00", title="New"), *TWELVE[2:], document("a/new"), document("bad")]
    write(config, "catalog", changed)
    done = run("sync", config, "catalog", "other")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert {"catalog: fetching …", "other: fetching …"} < set(lines)
    ends = re.compile(r"catalog: applied, 1 added, 1 updated, 1 removed, 1 rejected in \d+\.\d s")
    assert [line for line in lines if ends.fullmatch(line)]
    assert [line for line in lines if re.fullmatch(r"other: unchanged in \d+\.\d s", line)]
    assert "a/new" in served.names()
    assert in_database(config, NEWEST % "trigger", "catalog") == "MANUAL"


def test_full_run_reads_anew(served: Served, config: Path, gate: Gate) -> None:
    done = run("sync", config, "slow", "--full")
    assert done.exit_code == 0
    assert "slow: unchanged" in done.stdout
    assert in_database(config, NEWEST % "outcome", "slow") == "UNCHANGED"


def test_failing_source_is_told_and_the_others_run_all_the_same(served: Served, config: Path) -> None:
    (config.parent / "broken.json").write_text("{")
    before = set(served.names())
    write(config, "other", [*TWELVE, document("a/more")])
    done = run("sync", config, "broken", "by-hand", "other")
    assert done.exit_code == 1
    assert re.search(r"^broken: failed in \d+\.\d s: the file is not valid JSON", done.stdout, re.MULTILINE)
    assert "by-hand: failed: managed sources hold what is published to them" in done.stdout
    assert "other: applied, 1 added" in done.stdout
    assert set(served.names()) == before | {"a/more"}
    write(config, "broken", TWELVE)
    assert run("sync", config, "broken").exit_code == 0


def test_held_source_is_told_and_accepted(served: Served, config: Path) -> None:
    write(config, "shrinking", [document("a/s00")])
    for _ in range(2):  # the second run only repeats the first one, which stays on record
        done = run("sync", config, "shrinking")
        assert done.exit_code == 3
        lines = done.stdout.splitlines()
        assert re.fullmatch(r"shrinking: held in \d+\.\d s", lines[-3])
        names = ", ".join(f"a/s{number:02}" for number in range(1, 11))
        assert lines[-2] == f"  11 of 12 entries would go: {names} and 1 more"
        assert lines[-1] == f"  accept with: thv-registry-api sync --config={config} shrinking --accept"
    state = listed(config)["shrinking"]
    assert (state["phase"], state["entries"]) == ("HELD", 12)
    done = run("sync", config, "shrinking", "--accept")
    assert done.exit_code == 0
    assert "shrinking: applied, 0 added, 0 updated, 11 removed, 0 rejected" in done.stdout
    state = listed(config)["shrinking"]
    assert (state["phase"], state["entries"]) == ("COMPLETE", 1)
    again = run("sync", config, "shrinking", "--accept")
    assert again.exit_code == 1
    assert "shrinking: failed: no run of source shrinking is held" in again.stdout


def test_dry_run_tells_everything_and_changes_nothing(served: Served, config: Path) -> None:
    write(config, "catalog", TWELVE)
    assert run("sync", config, "catalog").exit_code == 0
    before = everything(config)
    write(
        config, "catalog", [document("a/s00", title="X"), *TWELVE[2:], document("a/z", "2.0.0"), {"name": "b\x1b[2J"}]
    )
    done = run("sync", config, "catalog", "--dry-run")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "catalog: fetching …",
        "catalog: would be applied, 1 added, 1 updated, 1 removed, 1 rejected",
        "  added a/z 2.0.0",
        "  updated a/s00 1.0.0",
        "  removed a/s01 1.0.0",
    ]
    assert lines[5].startswith("  rejected b\ufffd[2J -: data.servers[12].")
    write(config, "catalog", [])
    held = run("sync", config, "catalog", "--dry-run")
    assert held.exit_code == 3
    assert "catalog: would be held, 0 added, 0 updated, 12 removed, 0 rejected\n  12 of 12 entries" in held.stdout
    (config.parent / "catalog.json").write_text("")
    failed = run("sync", config, "catalog", "--dry-run")
    assert failed.exit_code == 1
    assert "catalog: failed: " in failed.stdout
    assert everything(config) == before
    write(config, "catalog", TWELVE)


def test_unknown_source_is_told_with_those_that_are_known(served: Served, config: Path, tmp_path: Path) -> None:
    before = everything(config)
    message = (
        "Error: source 'nope' is not known; known are: broken, by-hand, catalog, other, shrinking, slow;"
        " start the server once to load the configuration\n"
    )
    for arguments in ([], ["--dry-run"], ["--accept"]):
        refused = run("sync", config, "catalog", "nope", *arguments)
        assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", message)
    later = tmp_path / "config.yaml"
    later.write_text(config.read_text().replace("name: broken", "name: nope").replace("- broken", "- nope"))
    refused = run("sync", later)
    assert (refused.exit_code, refused.stdout, refused.stderr) == (1, "", message)
    assert everything(config) == before


@pytest.mark.parametrize("arguments", [["--accept"], ["catalog", "--accept", "--dry-run"], ["--config=nowhere.yaml"]])
def test_wrong_command_line_is_refused(served: Served, config: Path, arguments: list[str]) -> None:
    refused = run("sync", config, *arguments)
    assert refused.exit_code in (1, 2)
    assert refused.stdout == ""
    assert "Error" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_terminal_shows_progress_that_moves(served: Served, config: Path, gate: Gate) -> None:
    ours, theirs = pty.openpty()
    asked, gate.documents = gate.seen, [document("slow/one"), document("slow/two")]
    try:
        environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
        with gate.shut(), started(config, "slow", "other", stdout=theirs, env=environment) as process:
            os.close(theirs)
            wait_for(lambda: gate.seen > asked, "the request")
            shown = read_until(ours, r"slow fetching … .*\d:\d\d:\d\d")
            gate.open.set()
            shown += read_to_end(ours)
            assert process.wait(DEADLINE_SECONDS) == 0
            assert process.stderr is not None
            assert process.stderr.read() == ""
    finally:
        os.close(ours)
    assert "\x1b[1A" in shown or "\x1b[2K" in shown, "lines are drawn again"
    assert re.search(r"slow: .*applied, 1 added, 0 updated, 0 removed, 0 rejected in \d+\.\d s", shown)
    assert re.search(r"other: .*unchanged in", shown)


def read_until(terminal: int, pattern: str) -> str:
    shown = ""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)):
        assert time.monotonic() < deadline, shown
        shown += os.read(terminal, 65_536).decode(errors="replace")
    return shown


def read_to_end(terminal: int) -> str:
    shown = b""
    while True:
        try:
            found = os.read(terminal, 65_536)
        except OSError:  # how Linux tells that the other side is closed
            found = b""
        if not found:
            return shown.decode()
        shown += found


def test_two_commands_at_once_share_one_run_and_a_full_one_follows(served: Served, config: Path, gate: Gate) -> None:
    asked, gate.documents = gate.seen, [*gate.documents, document("slow/three")]
    count = "select count(*) from sync_run r join source s on s.id = source_id where s.name = 'slow'"
    before = in_database(config, count)
    with gate.shut(), started(config, "slow") as first:
        wait_for(lambda: gate.seen > asked, "the request")
        with started(config, "slow") as second, started(config, "slow", "--full") as full:
            for process in (second, full):
                assert process.stdout is not None
                assert process.stdout.readline() == "slow: fetching …\n"
            time.sleep(2.0)  # many times what it takes from this line to the discovery that a run is under way
            gate.open.set()
            outputs = [process.communicate(timeout=DEADLINE_SECONDS) for process in (first, second, full)]
    assert [process.returncode for process in (first, second, full)] == [0, 0, 0]
    assert [errors for _, errors in outputs] == [""] * 3
    for output, _ in outputs[:2]:
        assert re.search(r"slow: applied, 1 added, 0 updated, 0 removed, 0 rejected in \d+\.\d s\n$", output)
    assert re.search(r"slow: unchanged in \d+\.\d s\n$", outputs[2][0])
    assert gate.seen == asked + 2
    assert in_database(config, count) == before + 2


def test_stopped_server_needs_none(stopped: Path) -> None:
    write(stopped, "catalog", [*TWELVE, document("a/alone")])
    with started(stopped) as process:
        output, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert (process.returncode, errors) == (0, "")
    assert "catalog: applied, 1 added, 0 updated, 0 removed, 0 rejected in" in output
    assert "by-hand" not in output, "nothing is fetched for it"
    assert listed(stopped)["catalog"]["entries"] == 13
    assert postgres_processes(stopped.parent / "data") == []


def test_reader_who_stops_early_ends_it_quietly(served: Served, config: Path) -> None:
    with started(config, "other", "--dry-run") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(DEADLINE_SECONDS) == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_command_gives_its_sources_back(
    stopped: Path, gate: Gate, number: signal.Signals, code: int
) -> None:
    asked = gate.seen
    with gate.shut(), started(stopped, "slow", "slow-too") as process:
        wait_for(lambda: gate.seen == asked + 2, "the requests")
        process.send_signal(number)
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == code
    assert errors == "stopped; the sources under way were given back and are run at the next opportunity\n"
    assert postgres_processes(stopped.parent / "data") == []
    assert in_database(stopped, GIVEN_BACK) == 2


def test_configuration_that_never_served_is_told_to_serve_once(tmp_path: Path, gate: Gate) -> None:
    config = make_config(tmp_path, ["catalog"], gate)
    for command in ("sync", "sources"):
        refused = run(command, config)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert "start the server once" in refused.stderr
    assert not (tmp_path / "data").exists()


def test_sources_are_a_table_of_80_columns(served: Served, config: Path) -> None:
    (config.parent / "broken.json").write_text("{" * 10)
    assert run("sync", config, "broken").exit_code == 1
    done = run("sources", config)
    assert (done.exit_code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert re.fullmatch("NAME +KIND +PHASE +ENTRIES +VERSIONS +LAST SUCCESS +NEXT RUN +FAILURES", lines[0])
    assert lines[1] == "  MESSAGE"
    assert max(len(line) for line in lines) <= 80
    assert "\x1b" not in done.stdout
    rows = {line.split()[0]: line for line in lines if not line.startswith(" ")}
    assert set(rows) == {"NAME", "broken", "by-hand", "catalog", "other", "shrinking", "slow"}
    assert re.fullmatch(r"catalog +file +COMPLETE +12 +12 +(now|\d+ (s|min) ago) +in 5\d min +0", rows["catalog"])
    assert re.fullmatch(r"by-hand +managed +IDLE +0 +0 +- +- +0", rows["by-hand"])
    assert re.match(r"broken +file +FAILED ", rows["broken"])
    below = lines[lines.index(rows["broken"]) + 1]
    assert below.startswith("  the file is not valid JSON")


def test_sources_as_json_have_exact_times(served: Served, config: Path) -> None:
    found = listed(config)
    assert list(found) == sorted(found)
    assert set(found["by-hand"]) == {
        *("name", "kind", "phase", "entries", "versions", "last_success", "next_run", "failures", "message"),
    }
    assert found["by-hand"]["next_run"] is None
    last, planned = (datetime.fromisoformat(found["other"][key]) for key in ("last_success", "next_run"))
    assert last < datetime.now(UTC) < planned
    assert abs(planned - last - timedelta(hours=1)) < timedelta(seconds=10)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "-"),
        (0.2, "now"),
        (-1, "1 s ago"),
        (59, "in 59 s"),
        (-60, "1 min ago"),
        (-3_599, "59 min ago"),
        (7_200, "in 2 h"),
        (-86_400 * 400, "400 d ago"),
    ],
)
def test_times_are_told_as_people_do(seconds: float | None, said: str) -> None:
    moment = None if seconds is None else NOW + timedelta(seconds=seconds)
    assert tell_time(moment, NOW) == said


async def test_long_names_and_messages_fit_the_width(ctx: Ctx, tmp_path: Path) -> None:
    name = "a-name-that-is-much-longer-than-its-column"
    await seed(ctx, tmp_path, {name: [document("a/b")]})
    (source,) = await list_sources(ctx)
    message = "[bold]word[/bold] " * 10 + "\x1b[2J"
    drawn = StringIO()
    draw_sources(Console(file=drawn, width=80), [dataclasses.replace(source, message=message)], NOW)
    lines = drawn.getvalue().splitlines()
    assert lines[2] == name
    assert re.fullmatch(r" +file +COMPLETE +1 +1 +in \d+ \S+ +in \d+ \S+ +0", lines[3])
    assert max(len(line) for line in lines) <= 80
    assert " ".join(line.strip() for line in lines[4:]) == message.replace("\x1b", "\ufffd")
