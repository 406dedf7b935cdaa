"""The ToolHive command line with a registry of its own: `thv config set-registry`, `thv registry list`, `thv run NAME`.

Calls: at every start a walk over `/v0.1/servers?limit=1&version=latest`, page by page; the list with `limit=100`; one
server at `…/versions/latest`, else by `?search=`. Quirks: queries are form-encoded with sorted keys, 200 alone is
success, a search reads one page of the default size, and what ToolHive cannot run vanishes from its list.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from tests.clients.gotime import PAGE, RESPONSE
from tests.clients.wire import Answer, ClientError, Json, Wire, path_escape

HEADERS = {"User-Agent": "toolhive/v1.0.0 [local] (linux/amd64)", "Accept-Encoding": "gzip"}
MAX_SERVERS = 10_000


@dataclass(frozen=True, slots=True)
class Runnable:
    """A server as ToolHive keeps it; `target` is the image of a local one, the URL of a remote one."""

    name: str
    remote: bool
    target: str


class Thv(Wire):
    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.base = base.removesuffix("/")

    def start(self) -> int:
        """The probe that precedes every command; returns how many servers it walked over."""
        return len(self._all(1))

    def list_servers(self) -> list[Runnable]:
        return [kept for server in self._all(100) if (kept := convert(server)) is not None]

    def search(self, text: str) -> list[Json]:
        """The first page alone, of whatever size the server takes by default."""
        return self._page({"search": text, "version": "latest"})[0]

    def get_server(self, name: str) -> Runnable:
        full = name if "/" in name else f"io.github.stacklok/{name}"
        for candidate in dict.fromkeys([full, name]):
            answer = self._get(f"/v0.1/servers/{path_escape(candidate)}/versions/latest")
            if answer.status == 200:
                return _convertible(RESPONSE(answer.json(), "ServerResponse")["server"])
        for server in self.search(name):
            if name in (server["name"], short_name(server["name"])):
                return _convertible(server)
        raise ClientError(f"server {name} not found in API")

    def _all(self, limit: int) -> list[Json]:
        found: list[Json] = []
        cursor = ""
        while True:
            query = {"limit": str(limit), "version": "latest"} | ({"cursor": cursor} if cursor else {})
            servers, cursor = self._page(query)
            found += servers
            if not cursor:
                return found
            if len(found) > MAX_SERVERS:
                raise ClientError(f"exceeded maximum server limit ({MAX_SERVERS})")

    def _page(self, query: dict[str, str]) -> tuple[list[Json], str]:
        answer = self._get(f"/v0.1/servers?{urlencode(sorted(query.items()))}")
        if answer.status != 200:
            raise ClientError(f"the registry answered {answer.told()}")
        page = PAGE(answer.json(), "ServerListResponse")
        return [item["server"] for item in page["servers"]], page["metadata"].get("nextCursor", "")

    def _get(self, path: str) -> Answer:
        answer = self.send("GET", self.base + path, HEADERS)
        if answer.status in (401, 403):
            raise ClientError(f"the registry asks for authentication: {answer.told()}")
        return answer


def convert(server: Json) -> Runnable | None:
    """None for what vanishes: nothing to run, or packages of which not exactly one is a container image."""
    if server.get("remotes"):
        return Runnable(server["name"], True, server["remotes"][0].get("url", ""))
    images = [package["identifier"] for package in server.get("packages", ()) if package["registryType"] == "oci"]
    return Runnable(server["name"], False, images[0]) if len(images) == 1 else None


def short_name(name: str) -> str:
    """What follows the slash, if there is exactly one."""
    parts = name.split("/")
    return parts[1] if len(parts) == 2 else name


def _convertible(server: Json) -> Runnable:
    kept = convert(server)
    if kept is None:
        raise ClientError(f"server {server['name']} has neither a remote nor one OCI package")
    return kept
