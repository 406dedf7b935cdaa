"""The commands that need no server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.cli import cli
from app.graphql.schema import print_sdl
from tests.seeding import document, upstream

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


def test_convert_goes_to_the_other_format_and_back() -> None:
    upstream_file = run("convert", str(EXAMPLES / "toolhive-registry.json"), "--to", "upstream")
    assert upstream_file.exit_code == 0
    documents = json.loads(upstream_file.stdout)["data"]["servers"]
    legacy = json.loads((EXAMPLES / "toolhive-registry.json").read_text())
    assert len(documents) == len(legacy["servers"]) + len(legacy["remote_servers"])
    assert f"{len(documents)} documents converted, 0 left out" in upstream_file.stderr


def test_convert_tells_what_has_no_place_in_the_other_format(tmp_path: Path) -> None:
    package = {"registryType": "oci", "identifier": "ghcr.io/acme/db:1", "transport": {"type": "stdio"}}
    whole = upstream([document("com.example/db", packages=[package]), document("com.example/bare"), document("bad")])
    (tmp_path / "r.json").write_text(json.dumps(whole))
    done = run("convert", str(tmp_path / "r.json"), "--to", "toolhive")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)["servers"]) == 1
    assert "left out: com.example/bare 1.0.0" in done.stderr
    assert "left out: bad 1.0.0: data.servers[2].name" in done.stderr
    assert "1 documents converted, 2 left out" in done.stderr


@pytest.mark.parametrize(("content", "words"), [(None, "cannot read"), (b"{", "JSON"), (b"", "empty")])
def test_convert_refuses_what_it_cannot_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / "r.json").write_bytes(content)
    refused = run("convert", str(tmp_path / "r.json"), "--to", "upstream")
    assert refused.exit_code == 1
    assert words in refused.stderr
    assert refused.stdout == ""


def test_export_schema_prints_the_schema() -> None:
    assert run("export-schema").stdout == print_sdl()


def test_version_is_text_or_json() -> None:
    assert run("version").stdout.startswith("thv-registry-api ")
    assert set(json.loads(run("version", "--format", "json").stdout)) == {
        "version",
        "commit",
        "build_date",
        "runtime",
        "platform",
    }


@pytest.mark.parametrize("name", ["config.yaml", "config-toolhive.yaml", "config-upstream.yaml", "config-cluster.yaml"])
def test_check_config_accepts_the_examples(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLES.parent)
    checked = run("check-config", "--config", f"examples/{name}")
    assert checked.exit_code == 0, checked.stderr
    assert "no problems" in checked.stdout


@pytest.mark.parametrize(("name", "count"), [("serve", 4), ("export", 5), ("worker", 1), ("sync", 5), ("sources", 2)])
def test_every_flag_and_its_variable_is_documented(name: str, count: int) -> None:
    documented = (EXAMPLES.parent / "docs/configuration.md").read_text()
    section = documented.split(f"## Flags of `{name}`")[1].split("\n## ")[0]
    command = get_command(cli).commands[name]  # type: ignore[attr-defined]  # typer does not declare the group
    flags = [option for option in command.params if option.name != "help"]
    assert len(flags) == count
    for option in flags:
        shown = option.opts[0] if option.opts[0].startswith("-") else option.opts[0].upper()
        assert f"| `{shown.removesuffix('S')}`" in section, shown
        assert option.envvar is None or f"`{option.envvar}`" in section
