"""The running server keeps what its own description promises, and what the official description of the API does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NEEDS_DATA, SHARED
from tests.effort import EFFORT
from tests.rest.house import complaints, house
from tests.served import Served

ROOT = Path(__file__).parents[2]
EXAMPLES = 3

pytestmark = pytest.mark.process


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with house(tmp_path, [f"com.example/fetched-{number:02}" for number in range(40)]) as running:
        yield running


def search(served: Served, description: str, folder: Path) -> dict[str, Any]:
    """What schemathesis reports of a run. It is a process of its own, as its hooks are global."""
    report = folder / "report.json"
    command = [
        *(sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"),
        f"--config-file={ROOT / 'tests/rest/schemathesis.toml'}",
        *("run", description, f"--url=http://127.0.0.1:{served.port}", f"--report-json-path={report}"),
        *("--no-color", "--continue-on-failure", f"--max-examples={EXAMPLES * EFFORT}"),
        *(["--generation-deterministic"] if EFFORT == 1 else []),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def check_thoroughness(report: dict[str, Any], operations: int, cases: int) -> None:
    assert report["complete"]
    assert report["failures"] == report["errors"] == []
    assert (report["operations"]["tested"], report["operations"]["errored"]) == (operations, 0)
    assert report["test_cases"]["generated"] >= cases
    phases = {name: phase["status"] for name, phase in report["phases"].items()}
    assert phases.items() >= {"coverage": "success", "fuzzing": "success", "stateful": "success"}.items()


def test_own_description_is_kept(served: Served, tmp_path: Path) -> None:
    described = served.get("/openapi.json").json()["paths"]
    left_out = ("/graphql", "/openapi.json")  # schemathesis never tests what it read the description from
    operations = sum(len(methods) for path, methods in described.items() if path not in left_out)
    report = search(served, f"http://127.0.0.1:{served.port}/openapi.json", tmp_path)
    check_thoroughness(report, operations, 2500)
    assert complaints(served) == []


@NEEDS_DATA
def test_official_description_is_kept(served: Served, tmp_path: Path) -> None:
    report = search(served, str(SHARED / "data/mcp/openapi.yaml"), tmp_path)
    check_thoroughness(report, 8, 250)
    assert complaints(served) == []
