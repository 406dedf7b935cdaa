"""The real explorer in a real browser that reaches nothing but the server: it complains of nothing, and it works."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.graphql.explorer import assets
from tests.browser import CHROMIUM, Tab, browsing
from tests.served import Served, serving, wait_for, write_config

ROOT = Path(__file__).parents[2]
EDITOR = "document.querySelector('.graphiql-query-editor .CodeMirror').CodeMirror"
RESULT = "document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue()"
MISTAKES = "document.querySelectorAll('.CodeMirror-lint-mark-error').length"
TABS = "[...document.querySelectorAll('.graphiql-tab')].map(tab => tab.innerText.trim())"
HINTS = "[...document.querySelectorAll('.CodeMirror-hint')].map(hint => hint.innerText)"
DIALOG = "!!document.querySelector('[role=dialog]')"


@pytest.fixture
def registry_file(tmp_path: Path) -> Path:
    """What the curated source of the examples holds, to be changed at will."""
    return Path(shutil.copy(ROOT / "examples" / "upstream-registry.json", tmp_path / "registry.json"))


@pytest.fixture
def served(tmp_path: Path, registry_file: Path) -> Iterator[Served]:
    with serving(write_config(tmp_path, {"curated": registry_file})) as server:
        wait_for(lambda: bool(server.names()), "the first synchronisation")
        yield server


@pytest.mark.process
@pytest.mark.skipif(CHROMIUM is None, reason="NOT TESTED IN A BROWSER: Chromium is not installed (package chromium)")
@pytest.mark.skipif(
    not assets.find_bundle(), reason="NOT TESTED IN A BROWSER: the explorer is not built: make explorer"
)
async def test_explorer_works_in_a_browser_without_the_internet(
    served: Served, registry_file: Path, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{served.port}"
    async with browsing() as tab:
        await tab.open(f"http://{address}/graphql")
        await _check_first_visit(tab)
        await tab.photograph(tmp_path / "first-visit.png")
        await _check_examples(tab, "ServerDetail", "Sources", "PublishForm", "Activity")
        await _check_completion(tab)
        await tab.photograph(tmp_path / "completion.png")
        await _check_subscription(tab, registry_file)
        await tab.photograph(tmp_path / "subscription.png")
        await _check_widgets(tab)
        await _check_token(tab, "made-up-token")
        await tab.photograph(tmp_path / "token.png")

    assert tab.complaints == []
    assert {urlsplit(request["url"]).netloc for request in tab.requests} == {address}


async def _check_first_visit(tab: Tab) -> None:
    """The first example has run by itself and found what is there."""
    result = json.loads(await tab.wait_for(RESULT))
    assert "errors" not in result, result
    assert result["data"]["servers"]["totalCount"] > 0
    assert await tab.evaluate(TABS) == ["Catalogue", "ServerDetail", "Sources", "PublishForm", "Activity"]


async def _check_examples(tab: Tab, *names: str) -> None:
    """The others find something with the variables that stand beside them."""
    for name in names:
        before = len(tab.requests)
        await tab.evaluate(
            f"[...document.querySelectorAll('.graphiql-tab-button')].find(tab => tab.innerText === '{name}').click()"
        )
        await tab.wait_for(f"{EDITOR}.operationName === '{name}'")
        assert await tab.evaluate(MISTAKES) == 0, f"the variables of {name} are underlined"
        await tab.click(".graphiql-query-editor .CodeMirror-scroll")
        await tab.evaluate(f"{EDITOR}.setCursor({EDITOR}.getValue().split('\\n').findIndex(l => l.match('query')), 1)")
        await tab.press("Enter", control=True)
        result = json.loads(await tab.wait_for(RESULT))
        assert "errors" not in result, (name, result)
        assert all(value for value in result["data"].values()), (name, result)
        assert len(tab.requests) == before + 1


async def _check_completion(tab: Tab) -> None:
    await tab.click(".graphiql-tab-add")
    await tab.wait_for(f"{TABS}.length === 6")
    await tab.evaluate(f"{EDITOR}.setValue('')")
    await tab.click(".graphiql-query-editor .CodeMirror-scroll")
    await tab.type("{ servers { totalC")
    await tab.wait_for(f"{HINTS}.includes('totalCount')")
    await tab.press("Enter")
    await tab.wait_for(f"{EDITOR}.getValue().includes('totalCount') && !{EDITOR}.operationName")
    await tab.press("Enter", control=True)
    assert json.loads(await tab.wait_for(RESULT))["data"]["servers"]["totalCount"] > 0


async def _check_subscription(tab: Tab, registry_file: Path) -> None:
    """Events show as they come, until the button is pressed again."""
    await tab.evaluate(f"{EDITOR}.setValue('subscription Live {{ catalogChanges {{ action version }} }}')")
    await tab.wait_for(f"{EDITOR}.operationName === 'Live'")
    await tab.press("Enter", control=True)
    await tab.wait_for("!!document.querySelector(\"button[aria-label^='Stop']\")")
    for attempt in range(20):
        _edit(registry_file, f"attempt {attempt}")  # the first may come before the server listens
        for _ in range(60):
            if "catalogChanges" in (shown := await tab.evaluate(RESULT) or ""):
                break
            await asyncio.sleep(0.05)
        else:
            continue
        break
    assert json.loads(shown)["data"]["catalogChanges"]["action"] == "UPDATED"
    await tab.click("button[aria-label^='Stop']")
    await tab.wait_for("!!document.querySelector(\"button[aria-label^='Execute']\")")


def _edit(registry_file: Path, description: str) -> None:
    content = json.loads(registry_file.read_text())
    content["data"]["servers"][0]["description"] = description
    registry_file.write_text(json.dumps(content))


async def _check_widgets(tab: Tab) -> None:
    """What opens beside and over the editors brings styles of its own; the page's policy must let it."""
    for name in ("Documentation Explorer", "History", "GraphiQL Explorer"):
        await tab.click(f"button[aria-label='Show {name}']")
        await tab.wait_for(f"!!document.querySelector(\"button[aria-label='Hide {name}']\")")
    await tab.click("button[aria-label='Open settings dialog']")
    await tab.wait_for(DIALOG)
    await tab.press("Escape")
    await tab.wait_for(f"!{DIALOG}")


async def _check_token(tab: Tab, token: str) -> None:
    """What is typed goes out with the next request, and nowhere else."""
    before = len(tab.requests)
    await tab.click("#token")
    await tab.type(token)
    await tab.click(".token-bar button[type=submit]")
    request = await tab.wait_for_request(before)
    assert request["headers"]["Authorization"] == f"Bearer {token}"
    assert not [request for request in tab.requests if token in request["url"]]
    assert token not in await tab.evaluate("location.href + JSON.stringify(localStorage)")
