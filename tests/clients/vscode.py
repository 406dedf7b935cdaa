"""Visual Studio Code: the gallery of MCP servers, the check of installed ones, the policy "registry only".

Calls: probe `{base}/v0.1/servers?limit=1`, then `/v0`; list `?limit=50&version=latest[&cursor=][&search=]`; details
`/servers/<name>/versions/latest` for many names at once. Quirks: the cursor goes into the URL as it came; from page two
on the search text is left out; only Origin is sent, and the browser's CORS rule hides what does not allow it; the first
bad item of a page spoils the page, later ones vanish; only 404 means that a server is absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.clients.wire import Answer, ClientError, Json, Wire, encode_uri_component

ORIGIN = "vscode-file://vscode-app"
PAGE_SIZE = 50
CONNECTIONS = 6
_RAW_IN_A_URL = re.compile(r"[A-Za-z0-9._~-]+", re.ASCII)


class VSCode(Wire):
    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.base = base.rstrip("/")
        self.version = "v0.1"

    def probe(self) -> str:
        """The first version that answers; the newest one if none does."""
        versions = ("v0.1", "v0")
        found = (v for v in versions if 200 <= self._fetch(f"{self.base}/{v}/servers?limit=1").status < 300)
        self.version = next(found, versions[0])
        return self.version

    def query(self, search: str = "") -> list[Json]:
        """All servers of the gallery, or those found, scrolled to the end."""
        return [server for page in self._pages(search.strip()) for server in page]

    def details(self, names: Iterable[str]) -> dict[str, Json | None]:
        """Each name's server; None if the registry says that it has none."""
        names = list(names)
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            return dict(zip(names, threads.map(self._detail, names), strict=True))

    def may_start(self, name: str, url: str | None = None) -> bool:
        """The policy: the server stands in the registry and, if it is remote, runs where the registry says."""
        found = self.details([name])[name]
        if found is None:
            return False
        return url is None or url == found["remotes"][0]["url"]

    def _pages(self, search: str) -> Iterator[list[Json]]:
        url = f"{self.base}/{self.version}/servers?limit={PAGE_SIZE}&version=latest"
        servers, cursor = read_page(self._get(f"{url}&search={encode_uri_component(search)}" if search else url))
        yield servers
        while cursor:
            servers, cursor = read_page(self._get(f"{url}&cursor={raw_cursor(cursor)}"))
            yield servers

    def _get(self, url: str) -> Any:
        answer = self._fetch(url)
        if not 200 <= answer.status < 300:
            raise ClientError(f"the gallery stays empty: {answer.told()}")
        return answer.json()

    def _detail(self, name: str) -> Json | None:
        url = f"{self.base}/{self.version}/servers/{encode_uri_component(name)}/versions/latest"
        answer = self._fetch(url)
        if answer.status == 404:
            return None
        if answer.status != 200 or not answer.body:
            raise ClientError(f"whether {name} is in the registry stays open: {answer.told()}")
        server = read_item(answer.json())
        if server is None or server["name"] != name:
            raise ClientError(f"asked for {name}, got {answer.told()}")
        return server

    def _fetch(self, url: str) -> Answer:
        answer = self.send("GET", url, {"Origin": ORIGIN})
        check_cors(answer)
        return answer


def check_cors(answer: Answer) -> None:
    """The browser's rule for a request without credentials."""
    allowed = answer.headers.get("access-control-allow-origin")
    if allowed not in ("*", ORIGIN):
        raise ClientError(f"blocked by CORS: {allowed!r} does not allow {ORIGIN}; the answer was {answer.status}")


def raw_cursor(cursor: Any) -> str:
    if not isinstance(cursor, str) or not _RAW_IN_A_URL.fullmatch(cursor):
        raise ClientError(f"the cursor {cursor!r} does not survive in a URL without encoding")
    return cursor


def read_page(page: Any) -> tuple[list[Json], Any]:
    """The servers and the next page's cursor. Later bad items, which would vanish, are an error here too."""
    if not isinstance(page, dict) or not isinstance(page.get("servers"), list):
        raise ClientError("failed to serialize MCP servers: there is no list of servers")
    if not isinstance(page.get("metadata"), dict):
        raise ClientError("cannot read properties of undefined: metadata is no object")
    servers = []
    for index, item in enumerate(page["servers"]):
        server = read_item(item)
        if server is None:
            lost = "the whole page is" if index == 0 else f"item {index} is"
            raise ClientError(f"{lost} lost: {item!r:.300}")
        servers.append(server)
    return servers, page["metadata"].get("nextCursor")


def read_item(item: Any) -> Json | None:
    """The server of an item; None if it is one that the editor does not take."""
    server = item.get("server") if isinstance(item, dict) else None
    if not isinstance(server, dict):
        return None
    if not all(isinstance(server.get(key), str) and server[key] for key in ("name", "description", "version")):
        return None
    if not isinstance(item.get("_meta"), dict):
        raise ClientError(f"cannot destructure _meta of {server['name']}: it is no object")
    return server
