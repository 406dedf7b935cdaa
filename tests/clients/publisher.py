"""mcp-publisher, the command line that publishes into a registry: `login none`, `publish`, `status`.

Calls: `/v0/health`, `/v0/auth/none`, `/v0/publish` (on 422 `/v0/validate` tells why), `/v0/servers/…/versions[/<v>]`
with deleted ones, and the two PATCH …/status. Quirks: it speaks v0 only; documents pass through its own types, so that
unknown keys and empty values never arrive; a change of status succeeds with exactly 200.
"""

from __future__ import annotations

import json
import time
from typing import Any

from tests.clients.gotime import RESPONSE, SERVER
from tests.clients.wire import OFFICIAL, Answer, ClientError, Json, Wire, path_escape

GO = {"User-Agent": "Go-http-client/1.1", "Accept-Encoding": "gzip"}


class Rejected(ClientError):
    """The registry refused a document; `issues` is what it says about it."""

    def __init__(self, issues: list[Json]) -> None:
        super().__init__("; ".join(f"{issue['path']}: {issue['message']}" for issue in issues))
        self.issues = issues


class Publisher(Wire):
    def __init__(self, base: str) -> None:
        super().__init__(base)
        self.base = base if base.endswith("/") else f"{base}/"
        self.token = ""

    def health(self) -> Json:
        found: Json = self._expect(200, self._send("GET", "v0/health"))
        return found

    def login(self) -> None:
        """Without credentials: the registry gives a token to anybody."""
        found = self._expect(200, self._send("POST", "v0/auth/none"))
        token, expires = found.get("registry_token"), found.get("expires_at")
        if not isinstance(token, str) or not token:
            raise ClientError(f"no registry_token in {found}")
        if type(expires) is not int or expires <= time.time():
            raise ClientError(f"the token expires at {expires!r}, which is no time to come")
        self.token = token

    def publish(self, document: Json) -> Json:
        """The published server as the registry answers it. Raises Rejected with all issues."""
        body = _marshal(SERVER(document, "server.json"))
        answer = self._send("POST", "v0/publish", body)
        if answer.status == 422:
            raise Rejected(self._validate(body))
        if answer.status not in (200, 201):
            raise ClientError(f"server returned status {answer.told()}")
        return _response(answer)

    def set_status(self, name: str, version: str, status: str, message: str = "") -> str:
        """Change one version's status; returns the status it had."""
        path = f"v0/servers/{path_escape(name)}/versions/{path_escape(version)}"
        had = _status(self._expect(200, self._send("GET", f"{path}?include_deleted=true")))
        self._expect(200, self._send("PATCH", f"{path}/status", _change(status, message)))
        return had

    def set_all_statuses(self, name: str, status: str, message: str = "") -> tuple[dict[str, str], int]:
        """Change all versions; returns the status each had, and how many the registry says it changed."""
        path = f"v0/servers/{path_escape(name)}"
        listed = self._expect(200, self._send("GET", f"{path}/versions?include_deleted=true"))["servers"]
        if not listed:
            raise ClientError("no versions found for this server")
        had = {item["server"]["version"]: _status(item) for item in listed}
        changed = self._expect(200, self._send("PATCH", f"{path}/status", _change(status, message)))
        if type(changed.get("updatedCount")) is not int:
            raise ClientError(f"no updatedCount in {changed}")
        return had, changed["updatedCount"]

    def _validate(self, body: bytes) -> list[Json]:
        found = self._expect(200, self._send("POST", "v0/validate", body))
        issues: list[Json] = found["issues"]
        if found["valid"] is not False or not issues:
            raise ClientError(f"publishing was refused, yet /validate finds nothing: {found}")
        return issues

    def _send(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = GO | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        return self.send(
            method, self.base + path, headers | ({"Content-Type": "application/json"} if body else {}), body
        )

    def _expect(self, status: int, answer: Answer) -> Any:
        if answer.status != status:
            raise ClientError(f"server returned status {answer.told()}")
        return answer.json()


def _marshal(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _change(status: str, message: str) -> bytes:
    return _marshal({"status": status} | ({"statusMessage": message} if message else {}))


def _status(item: Json) -> str:
    status = (item.get("_meta", {}).get(OFFICIAL) or {}).get("status")
    if not isinstance(status, str) or not status:
        raise ClientError(f"server response missing status information: {item!r:.300}")
    return status


def _response(answer: Answer) -> Json:
    found: Json = RESPONSE(answer.json(), "ServerResponse")
    return found
