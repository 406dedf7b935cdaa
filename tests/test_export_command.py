"""`export` as a process of its own: beside a running server, without one, on a configured database."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import yaml
from typer.testing import CliRunner, Result

from app.cli import cli
from app.core.embedded import visit
from app.resolvers.context import Ctx
from tests.seeding import document, seed, upstream
from tests.served import Served, free_port, postgres_processes, serving, wait_for, write_config

pytestmark = pytest.mark.process

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "from app.cli import main; main()", "export"]
DOCUMENTS = [
    document("a/b", "1.0.0", title="Größe ✓"),
    document("a/b", "1.10.0"),
    document("a/b", "1.9.0"),
    # Together more than a pipe holds, so that a reader who stops early is noticed.
    *(document(f"a/large{n}", _meta={"org.example/note": "x" * 10_000}) for n in range(30)),
]
STATE = """select jsonb_build_array((select revision from catalog), (select count(*) from sync_run),
    (select jsonb_agg(to_jsonb(source) order by id) from source), (select count(*) from change))"""


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """A command sets up the log of its process, which here is that of all tests."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def export(config: Path, *arguments: str) -> Result:
    """The command in this process, which saves the time of loading it again."""
    done = CliRunner().invoke(cli, ["export", f"--config={config}", *arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def export_apart(config: Path, *arguments: str, stdout: Any = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, f"--config={config}", *arguments]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=60, check=False)


def listed(output: str | bytes) -> list[tuple[str, str]]:
    servers = json.loads(output)["servers"]
    return [(item["server"]["name"], item["server"]["version"]) for item in servers]


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_database(data: Path, statement: str) -> Any:
    """What a statement answers in the embedded database, whether or not a server is running."""

    async def ask() -> Any:
        async with visit(data / "postgres") as arguments:
            connection = await asyncpg.connect(**arguments)
            try:
                return await connection.fetchval(statement)
            finally:
                await connection.close()

    return asyncio.run(ask())


def sources(served: Served) -> list[dict[str, Any]]:
    answer = served.get("/graphql?query={sources{nodes{sync{phase}}}}").json()
    found: list[dict[str, Any]] = answer["data"]["sources"]["nodes"]
    return found


def make_config(folder: Path) -> Path:
    source = folder / "s.json"
    source.write_text(json.dumps(upstream(DOCUMENTS)))
    return write_config(
        folder,
        {"s": source},
        sources=[{"name": "s", "file": {"path": str(source)}, "syncPolicy": {"interval": "1h"}}],
        registries=[{"name": name, "sources": ["s"]} for name in ("default", "other")],
    )


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_config(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def served(config: Path) -> Iterator[Served]:
    with serving(config) as running:
        wait_for(lambda: len(running.names()) == len(DOCUMENTS), "the first sync")
        yield running


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configuration of a server that has served and ended."""
    config = make_config(tmp_path_factory.mktemp("stopped"))
    with serving(config) as running:
        wait_for(lambda: len(running.names()) == len(DOCUMENTS), "the first sync")
        assert running.stop() == 0
    return config


@pytest.mark.parametrize("format_", ["v0.1", "upstream"])
@pytest.mark.parametrize("latest", [False, True])
def test_running_server_and_command_write_the_same_file(
    served: Served, config: Path, tmp_path: Path, format_: str, latest: bool
) -> None:
    flags = ["--registry=default", f"--format={format_}", *(["--latest"] if latest else [])]
    query = f"format={format_}" + "&version=latest" * latest
    expected = served.get(f"/registry/default/v0.1/registry.json?{query}").text + "\n"
    count = 31 if latest else 33
    printed = export(config, *flags)
    assert (printed.exit_code, printed.stderr) == (0, f"{count} versions of 31 servers exported\n")
    assert printed.stdout == expected
    written = export(config, *flags, f"--output={tmp_path / 'registry.json'}")
    assert (written.exit_code, written.stdout, written.stderr) == (0, "", printed.stderr)
    assert (tmp_path / "registry.json").read_text() == expected
    assert names_in(tmp_path) == ["registry.json"]


def test_all_registries_together_in_the_list_format_are_the_default(served: Served, config: Path) -> None:
    done = export_apart(config)
    assert (done.returncode, done.stderr) == (0, "33 versions of 31 servers exported\n")
    assert done.stdout == served.get("/v0.1/registry.json").text + "\n"
    assert len(listed(done.stdout)) == 33


def test_running_server_is_left_as_it_was(served: Served, config: Path) -> None:
    data = config.parent / "data"
    before = in_database(data, STATE)
    started = in_database(data, "select pg_postmaster_start_time()")
    assert export(config, "--latest").exit_code == 0
    assert in_database(data, STATE) == before
    assert in_database(data, "select pg_postmaster_start_time()") == started
    assert served.answers()


@pytest.mark.parametrize(
    ("change", "undo", "words"),
    [
        (
            "update alembic_version set version_num = 'x' || version_num returning version_num",
            "update alembic_version set version_num = substr(version_num, 2) returning version_num",
            "made by another release",
        ),
        ("alter table alembic_version rename to kept", "alter table kept rename to alembic_version", "no tables yet"),
    ],
    ids=["unheard", "none"],
)
def test_other_schema_under_a_running_server_is_refused_and_kept(
    served: Served, config: Path, change: str, undo: str, words: str
) -> None:
    data = config.parent / "data"
    tables = "select string_agg(relname || xmin, ' ' order by relname) from pg_class where relkind = 'r'"
    in_database(data, change)
    try:
        before = in_database(data, tables)
        refused = export(config)
        assert in_database(data, tables) == before
    finally:
        in_database(data, undo)
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: the database has ")
    assert words in refused.stderr
    assert export(config).exit_code == 0


def test_reader_who_stops_early_ends_it_quietly(served: Served, config: Path) -> None:
    with subprocess.Popen([*COMMAND, f"--config={config}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(12) == b'{"servers":['
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1, "the file is not whole, and a script may want to know"


def test_unknown_registry_is_told_with_those_that_are_known(served: Served, config: Path, tmp_path: Path) -> None:
    output = tmp_path / "registry.json"
    output.write_text("old")
    for arguments in ([], [f"--output={output}"], ["--format=upstream"]):
        refused = export(config, "--registry=nope", *arguments)
        assert (refused.exit_code, refused.stdout) == (1, "")
        assert refused.stderr == "Error: registry 'nope' is not known; known are: default, other\n"
    assert output.read_text() == "old"
    assert names_in(tmp_path) == ["registry.json"]


def test_place_that_cannot_be_written_is_named(served: Served, config: Path, tmp_path: Path) -> None:
    for place, reason in ((tmp_path / "no/such", "No such file or directory"), (tmp_path, "Is a directory")):
        refused = export(config, f"--output={place}")
        assert (refused.exit_code, refused.stderr) == (1, f"Error: cannot write to {place}: {reason}\n")
    with Path("/dev/full").open("w") as full:
        done = export_apart(config, stdout=full)
    assert (done.returncode, done.stderr) == (1, "Error: cannot write to standard output: No space left on device\n")
    assert names_in(tmp_path) == []


def test_stopped_server_is_read_without_loading_its_sources(stopped: Path) -> None:
    data = stopped.parent / "data"
    before = in_database(data, STATE)
    (stopped.parent / "s.json").write_text(json.dumps(upstream([document("a/new")])))
    done = export_apart(stopped, "--registry=default", "--latest")
    assert (done.returncode, done.stderr) == (0, "31 versions of 31 servers exported\n")
    assert listed(done.stdout)[:2] == [("a/b", "1.10.0"), ("a/large0", "1.0.0")]
    assert in_database(data, STATE) == before
    assert postgres_processes(data) == []
    refused = export(stopped, "--registry=nope")
    assert "known are: default, other" in refused.stderr
    assert postgres_processes(data) == []


def test_broken_pipe_without_a_server_stops_the_database(stopped: Path) -> None:
    with subprocess.Popen([*COMMAND, f"--config={stopped}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(60)
    assert postgres_processes(stopped.parent / "data") == []


def test_configuration_that_never_served_is_told_to_serve_once(tmp_path: Path) -> None:
    config = make_config(tmp_path)
    refused = export(config, "--registry=default")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "start the server once" in refused.stderr
    assert not (tmp_path / "data").exists()
    assert CliRunner().invoke(cli, ["migrate", "up", "--yes", f"--config={config}"]).exit_code == 0
    refused = export(config, "--registry=default")
    assert refused.stderr == (
        "Error: registry 'default' is not known; nor is any other: start the server once to load them\n"
    )
    assert refused.exit_code == 1


@pytest.mark.parametrize("arguments", [["--format=toolhive"], ["--config=nowhere.yaml"]])
def test_wrong_command_line_is_refused(config: Path, arguments: list[str]) -> None:
    refused = export(config, *arguments)
    assert refused.exit_code != 0
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr


async def test_configured_database_is_read(ctx: Ctx, connect_args: dict[str, Any], tmp_path: Path) -> None:
    await seed(ctx, tmp_path, {"s": [document("a/b"), document("a/c")]})
    settings = yaml.safe_load((tmp_path / "config.yaml").read_text())
    # Another process needs the socket's real place.
    host = os.readlink(connect_args["host"])
    settings["database"] = {"host": host, "port": 5432, "user": "postgres", "sslMode": "disable"}
    settings["database"]["database"] = connect_args["database"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    done = await asyncio.to_thread(export_apart, tmp_path / "config.yaml", "--registry=default")
    assert (done.returncode, done.stderr) == (0, "2 versions of 2 servers exported\n")
    assert listed(done.stdout) == [("a/b", "1.0.0"), ("a/c", "1.0.0")]
    settings["database"]["host"] = "127.0.0.1"
    settings["database"]["port"] = free_port()
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    refused = await asyncio.to_thread(export_apart, tmp_path / "config.yaml")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith("Error: cannot read the schema of the database postgres@127.0.0.1/")
    assert "Traceback" not in refused.stderr


def test_example_of_the_readme_tells_what_the_readme_shows(tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text()
    shown = re.search(r"```sh\n\S*/thv-registry-api (export .+?)\n```\n\n```\n(.+?)\n```", readme)
    assert shown is not None
    given = yaml.safe_load((ROOT / "examples/config.yaml").read_text())
    for source in given["sources"]:
        if "file" not in source:
            continue
        source["file"]["path"] = str(ROOT / source["file"]["path"])
    config, output = tmp_path / "config.yaml", tmp_path / "registry.json"
    config.write_text(yaml.safe_dump(given | {"fileStorage": {"baseDir": str(tmp_path / "data")}}))
    places = {"examples/config.yaml": str(config), "registry.json": str(output)}
    arguments = [places.get(word, word) for word in shlex.split(shown[1])]
    assert set(places.values()) <= set(arguments)
    with serving(config) as running:
        wait_for(lambda: {s["sync"]["phase"] for s in sources(running)} == {"COMPLETE", "IDLE"}, "the first sync")
        done = CliRunner().invoke(cli, arguments)
    assert (done.exit_code, done.stderr) == (0, shown[2] + "\n")
    assert len(json.loads(output.read_bytes())["data"]["servers"]) == int(shown[2].split()[0])
