"""A headless Chromium that can reach nothing but this machine, driven over its DevTools protocol: just enough to load
a page, use it, and see what it sent and what it complained of.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DEADLINE_SECONDS = 30.0

_SWITCHES = (
    "--headless",
    "--no-sandbox",  # it runs as root in CI, and opens only pages of this project
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--window-size=1400,900",
    "--remote-debugging-port=0",
)
_CONTROL = 2
_KEYS = {"Enter": (13, "\r"), "Escape": (27, "")}


class Tab:
    """One page. `requests` are those it has sent, `complaints` its errors, warnings of policy and failed loads."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.requests: list[dict[str, Any]] = []
        self.complaints: list[str] = []

    async def listen(self) -> None:
        async for text in self._socket:
            message = json.loads(text)
            if "id" in message:
                self._waiting.pop(message["id"]).set_result(message)
            else:
                self._note(message["method"], message["params"])

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        answer = await asyncio.wait_for(self._waiting[number], DEADLINE_SECONDS)
        assert "error" not in answer, (method, answer["error"])
        found: dict[str, Any] = answer["result"]
        return found

    async def open(self, url: str) -> None:
        for domain in ("Page", "Runtime", "Network", "Log", "Audits"):
            await self.call(f"{domain}.enable")
        await self.call("Page.navigate", url=url)

    async def evaluate(self, expression: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait_for(self, expression: str) -> Any:
        """The first true value of a JavaScript expression."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (value := await self.evaluate(expression)):
            assert time.monotonic() < deadline, f"waited in vain for {expression}; complaints: {self.complaints}"
            await asyncio.sleep(0.05)
        return value

    async def wait_for_request(self, number: int) -> dict[str, Any]:
        """The request before which the page has sent `number` others."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(self.requests) <= number:
            assert time.monotonic() < deadline, f"waited in vain for a request; complaints: {self.complaints}"
            await asyncio.sleep(0.05)
        return self.requests[number]

    async def click(self, selector: str) -> None:
        """With the mouse, in the middle of the first element that matches."""
        place = await self.wait_for(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); if (!e) return null;"
            " const r = e.getBoundingClientRect(); return r.width ? [r.x + r.width / 2, r.y + r.height / 2] : null })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)

    async def type(self, text: str) -> None:
        """Into what has the focus, key by key."""
        for character in text:
            await self.call("Input.dispatchKeyEvent", type="keyDown", key=character, text=character)
            await self.call("Input.dispatchKeyEvent", type="keyUp", key=character)

    async def press(self, key: str, *, control: bool = False) -> None:
        """Enter or Escape."""
        code, text = _KEYS[key]
        event = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": _CONTROL if control else 0}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **event, **({"text": text} if text else {}))
        await self.call("Input.dispatchKeyEvent", type="keyUp", **event)

    async def photograph(self, path: Path) -> None:
        answer = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    def _note(self, method: str, event: dict[str, Any]) -> None:
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(event["request"])
            case "Runtime.exceptionThrown":
                self.complaints.append(f"exception: {json.dumps(event['exceptionDetails'])[:500]}")
            case "Runtime.consoleAPICalled" if event["type"] in ("error", "assert"):
                self.complaints.append(f"console: {json.dumps(event['args'])[:500]}")
            case "Log.entryAdded" if event["entry"]["level"] == "error":
                self.complaints.append(f"log: {event['entry']['text']} {event['entry'].get('url', '')}")
            case "Audits.issueAdded" if event["issue"]["code"] == "ContentSecurityPolicyIssue":
                self.complaints.append(f"policy: {json.dumps(event['issue']['details'])[:500]}")


@asynccontextmanager
async def browsing() -> AsyncIterator[Tab]:
    """A new browser with an empty profile; it ends with the block, and leaves nothing behind."""
    assert CHROMIUM
    # A short path of its own: the profile holds a socket, whose path must not be long.
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *_SWITCHES, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*command, stdout=quiet, stderr=quiet, start_new_session=True)
        try:
            async with connect(await _find_page(Path(profile)), max_size=None, proxy=None) as socket:
                tab = Tab(socket)
                listening = asyncio.create_task(tab.listen())
                try:
                    yield tab
                finally:
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def _find_page(profile: Path) -> str:
    """The address at which the first page takes orders."""
    known = profile / "DevToolsActivePort"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (known.exists() and len(known.read_text().splitlines()) == 2):
        assert time.monotonic() < deadline, "Chromium did not start"
        await asyncio.sleep(0.05)
    port, browser = known.read_text().splitlines()
    async with connect(f"ws://127.0.0.1:{port}{browser}", proxy=None) as socket:
        await socket.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
        targets = json.loads(await socket.recv())["result"]["targetInfos"]
    page = next(target["targetId"] for target in targets if target["type"] == "page")
    return f"ws://127.0.0.1:{port}/devtools/page/{page}"
