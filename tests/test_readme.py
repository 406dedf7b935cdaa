"""What the README shows is what the server answers: its commands are taken from the text and run over the examples."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.settings import load_settings
from app.models.kinds import SyncTrigger
from app.resolvers.configuration import reconcile
from app.resolvers.context import Ctx
from app.resolvers.sync import run_next_due
from tests.conftest import connect

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"```sh\ncurl (?P<command>.*?)\n```\n\n```json\n(?P<answer>.*?)\n```", re.DOTALL)
EXAMPLES = [(match["command"], match["answer"]) for match in BLOCK.finditer(README)]
TIMES = ("statusChangedAt", "publishedAt", "updatedAt")


@pytest.fixture(scope="module")
async def client(shared_ctx: Ctx) -> AsyncIterator[httpx.AsyncClient]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        await reconcile(shared_ctx, load_settings(Path("examples/config.yaml"), {}))
        while await run_next_due(shared_ctx, "test", SyncTrigger.START):
            pass
    async with connect(shared_ctx) as opened:
        yield opened


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if key not in TIMES}
    return [without_times(item) for item in value] if isinstance(value, list) else value


def test_readme_has_examples() -> None:
    assert len(EXAMPLES) == 5


@pytest.mark.parametrize(("command", "answer"), EXAMPLES, ids=["rest", "graphql", "sources", "refused", "published"])
async def test_example_answers_what_the_readme_shows(
    client: httpx.AsyncClient, request: pytest.FixtureRequest, command: str, answer: str
) -> None:
    url = re.search(r"http://localhost:8080(\S+?)['\s]", command + " ")
    assert url is not None
    if " -d '" in command:
        body = command.split(" -d '")[1].rpartition("'")[0]
        found = await client.post(url[1], content=body, headers={"Content-Type": "application/json"})
    else:
        found = await client.get(url[1])
    assert found.status_code == {"refused": 400, "published": 201}.get(request.node.callspec.id, 200)
    assert without_times(found.json()) == without_times(json.loads(answer))


def test_every_make_command_of_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"(?:^|`)make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{command}:.*## ", makefile, re.MULTILINE), command


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_every_link_of_the_readme_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()
