"""Where this server answers otherwise than a black-box case of the reference says, or does not play the case, and why.

A case that marks its answer as wrong says itself what is better; it needs no decision here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Check = dict[str, Any]
"""`{"ptr": JSON pointer, "op": eq|len|exists|absent|contains, "value"}` or `{"header", "op", "value"}`."""

FOUR_SERVERS: list[Check] = [{"ptr": "/servers", "op": "len", "value": 4}]


@dataclass(frozen=True)
class Instead:
    """What is expected in place of the case's own status and checks."""

    reason: str
    status: int
    checks: list[Check]


def error(op: str, value: str) -> list[Check]:
    return [{"ptr": "/error", "op": op, "value": value}]


_PORTS = "DESIGN.md 7: health stands on both ports"
_NO_LEAK = "DESIGN.md 7: nothing internal leaks, so readiness does not say what it is that fails"
_SLASH = "DESIGN.md 7: a trailing slash works"
_STAYS = "DESIGN.md 7: what v0.4.9 offers and v1 dropped is served"
_CURSOR = "DESIGN.md 5: cursors are opaque, unpadded base64url and carry the filters; others are refused"
_ONE_STORE = "DESIGN.md 4: file storage is not built, so what it refused or paged by itself is as everywhere"
_AS_IT_CAME = "DESIGN.md 4: a document is kept as it came"
_TOMBSTONE = "DESIGN.md 2: a deleted version stays stored, and its string stays taken"
_NEWEST = "mcp-registry-v0.1.md 1.2: the version published last comes first, whatever its number"

INSTEAD: dict[str, Instead] = {
    "ops-health-main-head": Instead(_PORTS, 200, [{"ptr": "/status", "op": "eq", "value": "healthy"}]),
    "ops-notready-049": Instead(_NO_LEAK, 503, error("eq", "service not ready")),
    "list-agg-gone": Instead(_STAYS, 200, FOUR_SERVERS),
    "del-gone-head": Instead(_STAYS, 404, error("eq", "server not found: com.example/test-server@1.0.0")),
    "ext-gone-head": Instead(_STAYS, 200, [{"ptr": "/registries/0/name", "op": "eq", "value": "test-registry"}]),
    "ver-trailing": Instead(_SLASH, 200, [{"ptr": "/servers", "op": "len", "value": 3}]),
    "ext-get-trailing": Instead(_SLASH, 200, [{"ptr": "/registries/0/name", "op": "eq", "value": "config-reg"}]),
    "cursor-time-049": Instead(_CURSOR, 400, error("contains", "Invalid cursor parameter")),
    "cursor-offset-049": Instead(_CURSOR, 400, error("contains", "Invalid cursor parameter")),
    "page1-head": Instead(
        _CURSOR,
        200,
        [{"ptr": "/servers", "op": "len", "value": 2}, {"ptr": "/metadata/nextCursor", "op": "exists"}],
    ),
    "ext-put-file-mode": Instead(_ONE_STORE, 201, [{"ptr": "/name", "op": "eq", "value": "x"}]),
    "pub-unknown-field-049": Instead(_AS_IT_CAME, 201, [{"ptr": "/bogus", "op": "eq", "value": 1}]),
    "pub-meta-049": Instead(
        _AS_IT_CAME,
        201,
        [
            {
                "ptr": "/_meta/io.modelcontextprotocol.registry~1publisher-provided",
                "op": "eq",
                "value": {"k": "v"},
            }
        ],
    ),
    "del-republish-049": Instead(_TOMBSTONE, 409, error("eq", "version already exists: com.example/test-server@1.0.0")),
    "ver-list-textorder-head": Instead(
        _NEWEST,
        200,
        [
            {"ptr": f"/servers/{place}/server/version", "op": "eq", "value": version}
            for place, version in enumerate(["9.0.0", "10.0.0", "2.0.0"])
        ],
    ),
}

FOLLOWS = "page2-head"
"""Its cursor is one of the reference's own; here the one that `page1-head` is answered with is sent in its place."""

_OAUTH = "identities are not told apart yet: auth.mode oauth is not served"
_KINDS = "the catalogue holds servers only: skills and plugins come after"
_ADMIN = "the admin routes under /v1 come after"

_SKIPS = {
    "ops-wellknown": _OAUTH,
    "auth-": _OAUTH,
    "sh-promote": _OAUTH,
    "sh-invisible": _OAUTH,
    "sh-gate-403": _OAUTH,
    "sk-": _KINDS,
    "pl-": _KINDS,
}


def reason_to_skip(case_id: str, path: str) -> str | None:
    """An id is given in full, or as the start of a group's ids up to the hyphen."""
    if path.startswith("/v1/"):
        return _ADMIN
    matches = (why for key, why in _SKIPS.items() if case_id == key or (key.endswith("-") and case_id.startswith(key)))
    return next(matches, None)
