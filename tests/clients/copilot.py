"""GitHub Copilot: which of the configured servers the organisation's registry allows, by exact name.

Calls: `/v0.1/servers`, `…/versions/latest` and `…/versions/{version}`, each with a CORS preflight first. Quirks: the
documentation asks for all three CORS headers on these paths, so they are looked for on the answers to GET too; the
command line's search once called `{base}/servers` without a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tests.clients.wire import Answer, ClientError, Json, Wire, encode_uri_component

ORIGIN = "https://copilot.example.com"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "authorization,content-type",
}
DOCUMENTED = {"methods": {"get", "options"}, "headers": {"authorization", "content-type"}}


class Copilot(Wire):
    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.base = base.rstrip("/")

    def allowed(self, configured: Mapping[str, str]) -> dict[str, bool]:
        """Whether each of the configured servers, name and version, may run."""
        self._list(f"{self.base}/v0.1/servers")
        return {name: self._has(name, version) for name, version in configured.items()}

    def search_from_command_line(self) -> list[str]:
        """The names on the first page of the path without a version."""
        return [server["name"] for server in self._list(f"{self.base}/servers")]

    def _has(self, name: str, version: str) -> bool:
        server = f"{self.base}/v0.1/servers/{encode_uri_component(name)}/versions"
        latest = self._get(f"{server}/latest")
        if latest is None:
            return False
        one = self._get(f"{server}/{encode_uri_component(version)}")
        found = [latest["server"]["name"]] if one is None else [latest["server"]["name"], one["server"]["name"]]
        if set(found) != {name}:
            raise ClientError(f"asked for {name}, got {found}")
        return one is not None

    def _list(self, url: str) -> list[Json]:
        body = self._get(url)
        if body is None:
            raise ClientError(f"the registry has no list at {url}")
        return [item["server"] for item in body["servers"]]

    def _get(self, url: str) -> Any:
        """The JSON at `url`, None for 404. Anything else leaves open what is allowed."""
        preflight = self.send("OPTIONS", url, PREFLIGHT)
        if preflight.status not in (200, 204):
            raise ClientError(f"the preflight of {url} failed: {preflight.told()}")
        check_cors(preflight)
        answer = self.send("GET", url, {"Origin": ORIGIN, "Content-Type": "application/json"})
        check_cors(answer)
        if answer.status not in (200, 404):
            raise ClientError(f"cannot tell what {url} allows: {answer.told()}")
        return answer.json() if answer.status == 200 else None


def check_cors(answer: Answer) -> None:
    """The three headers that the documentation asks for."""
    if answer.headers.get("access-control-allow-origin") != "*":
        raise ClientError(f"Access-Control-Allow-Origin is not * on a {answer.status}")
    for kind, wanted in DOCUMENTED.items():
        given = set(_words(answer.headers.get(f"access-control-allow-{kind}", "")))
        if not wanted <= given:
            raise ClientError(
                f"Access-Control-Allow-{kind.title()} lacks {sorted(wanted - given)} on a {answer.status}"
            )


def _words(header: str) -> Iterable[str]:
    return (word.strip().lower() for word in header.split(","))
