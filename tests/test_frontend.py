"""The npm packages: what is committed of them, and that the generated TypeScript follows the schema and operations."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import OperationDefinitionNode, parse

from app.graphql.schema import print_sdl

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "frontend-schema"
WEB = ROOT / "app" / "graphql" / "explorer" / "web"
PACKAGES = [SCHEMA, WEB]
NEEDS_NODE = pytest.mark.skipif(
    not shutil.which("node") or not (SCHEMA / "node_modules").is_dir(),
    reason="NOT TESTED: frontend-schema needs Node.js and its packages (make check installs them)",
)


def operations() -> Iterator[OperationDefinitionNode]:
    for path in SCHEMA.joinpath("operations").glob("*.graphql"):
        yield from (node for node in parse(path.read_text()).definitions if isinstance(node, OperationDefinitionNode))


def names() -> set[str]:
    return {node.name.value for node in operations() if node.name}


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_lock_says_what_is_installed_and_not_from_where(folder: Path) -> None:
    lock = json.loads((folder / "package-lock.json").read_text())
    installed = {path: entry for path, entry in lock["packages"].items() if path}

    assert all(entry["integrity"].startswith("sha512-") for entry in installed.values())
    assert not [path for path, entry in installed.items() if "resolved" in entry]
    assert "omit-lockfile-registry-resolved=true" in (folder / ".npmrc").read_text().splitlines()


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_packages_are_pinned_and_run_nothing_when_installed(folder: Path) -> None:
    package = json.loads((folder / "package.json").read_text())
    wanted = {**package.get("dependencies", {}), **package["devDependencies"]}

    assert package["private"]
    assert not {name: version for name, version in wanted.items() if not re.fullmatch(r"\d+\.\d+\.\d+", version)}
    assert "ignore-scripts=true" in (folder / ".npmrc").read_text().splitlines()


def test_every_operation_has_a_name_of_its_own() -> None:
    found = [node.name.value if node.name else None for node in operations()]

    assert None not in found
    assert len(set(found)) == len(found)


def test_every_operation_has_a_typed_document_and_an_id() -> None:
    generated = (SCHEMA / "src" / "generated" / "operations.ts").read_text()
    ids = dict(
        re.findall(r'^  (\w+): "(.+)",$', (SCHEMA / "src" / "generated" / "trusted.ts").read_text(), re.MULTILINE)
    )
    trusted = json.loads((SCHEMA / "trusted-documents.json").read_text())

    assert set(re.findall(r"^export const (\w+)Document = ", generated, re.MULTILINE)) == names()
    assert set(ids) == names()
    assert set(ids.values()) == set(trusted)
    assert all(re.search(rf"\b{name}\b", trusted[document_id]) for name, document_id in ids.items())


@NEEDS_NODE
def test_stale_types_are_named_with_the_command_that_writes_them(tmp_path: Path) -> None:
    stale = tmp_path / "schema.graphql"
    stale.write_text(print_sdl().replace("  serverCount: Int!", "  serverCount: String!"))
    command = ["node", "codegen.mjs", "--check", f"--schema={stale}"]

    done = subprocess.run(command, cwd=SCHEMA, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1, done.stderr
    assert "src/generated/operations.ts" in done.stderr
    assert "make frontend" in done.stderr


@NEEDS_NODE
def test_operation_that_the_schema_does_not_know_is_named(tmp_path: Path) -> None:
    other = tmp_path / "schema.graphql"
    other.write_text("type Query { weather: String }")
    command = ["node", "codegen.mjs", "--check", f"--schema={other}"]

    done = subprocess.run(command, cwd=SCHEMA, capture_output=True, text=True, timeout=60)

    assert done.returncode == 1
    assert "operations/catalogue.graphql: " in done.stderr


@pytest.mark.skipif(not shutil.which("npm"), reason="NOT TESTED: npm is not installed")
def test_installation_goes_on_without_packages_only_where_none_can_be_reached(tmp_path: Path) -> None:
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SCHEMA / name, tmp_path / name)
    environment = {
        **os.environ,
        "npm_config_registry": "http://127.0.0.1:9/",  # the port of the discard service, which nobody runs
        "npm_config_cache": str(tmp_path / "cache"),
    }

    def install() -> subprocess.CompletedProcess[str]:
        command = [ROOT / ".ci" / "npm-ci", tmp_path]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    unreachable = install()
    (tmp_path / "package.json").write_text("{")
    broken = install()

    assert unreachable.returncode == 75
    assert "*** npm reaches no package registry" in unreachable.stderr
    assert broken.returncode == 1
    assert "package.json" in broken.stderr


def test_installation_says_that_node_is_missing(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash

    done = subprocess.run(
        [bash, ROOT / ".ci" / "npm-ci", SCHEMA], env={"PATH": str(tmp_path)}, capture_output=True, text=True
    )

    assert done.returncode == 75
    assert done.stderr.startswith("*** Node.js 20 or newer with npm is not here")
