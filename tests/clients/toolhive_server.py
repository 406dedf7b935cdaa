"""The ToolHive Registry Server as a consumer: a source of its own of the kind `api` that points at this registry.

Calls: `{base}/openapi.yaml`, then `/v0.1/servers?limit=100[&cursor=]` to the end. Quirks: it takes a registry only if
the description names the MCP Registry and has the version 1.0.0; it asks for all versions of all servers, and cannot
store the same version twice.
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.clients.gotime import PAGE
from tests.clients.wire import Answer, ClientError, Json, Wire, query_escape

HEADERS = {
    "User-Agent": "toolhive-registry-server/1.0",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}
PROJECT = "https://github.com/modelcontextprotocol/registry"
MAX_PAGES = 1000
MAX_SERVERS = 100_000


class ToolHiveServer(Wire):
    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.base = base.removesuffix("/")

    def sync(self) -> list[Json]:
        """One synchronisation: every version of every server."""
        check_description(self._get(f"{self.base}/openapi.yaml").body)
        servers = self._fetch_all()
        keys = [(server["name"], server["version"]) for server in servers]
        if len(set(keys)) != len(keys):
            raise ClientError(f"duplicate versions: {sorted({key for key in keys if keys.count(key) > 1})}")
        return servers

    def _fetch_all(self) -> list[Json]:
        found: list[Json] = []
        cursor = ""
        for _ in range(MAX_PAGES):
            suffix = f"&cursor={query_escape(cursor)}" if cursor else ""
            page = PAGE(self._get(f"{self.base}/v0.1/servers?limit=100{suffix}").json(), "ServerListResponse")
            found += [item["server"] for item in page["servers"]]
            cursor = page["metadata"].get("nextCursor", "")
            if len(found) > MAX_SERVERS:
                raise ClientError(f"more than {MAX_SERVERS} servers")
            if not cursor:
                return found
        raise ClientError(f"pagination exceeded maximum pages ({MAX_PAGES})")

    def _get(self, url: str) -> Answer:
        answer = self.send("GET", url, HEADERS)
        if answer.status != 200:
            raise ClientError(f"failed to fetch {url}: {answer.told()}")
        return answer


def check_description(document: bytes) -> None:
    """Whether an OpenAPI document, as YAML, is that of an MCP Registry."""
    try:
        description: Any = yaml.safe_load(document)
    except yaml.YAMLError as error:
        raise ClientError(f"failed to parse /openapi.yaml: {error}") from error
    info = description.get("info") if isinstance(description, dict) else None
    if not isinstance(info, dict):
        raise ClientError("/openapi.yaml missing 'info' section")
    if info.get("version") != "1.0.0":
        raise ClientError(f"/openapi.yaml version is {info.get('version')!r}, expected 1.0.0")
    if PROJECT not in str(info.get("description")):
        raise ClientError(f"/openapi.yaml description does not contain {PROJECT}")
