"""Sources that are described to the API, and how each description that cannot be used is refused.

The configuration file has a source `a`, a client made the source `own` of inline data and a registry of it.
"""

from __future__ import annotations

import json
from typing import Any

from tests.graphql.changing import Refusal, refusal
from tests.seeding import document, upstream

GIT: dict[str, Any] = {"git": {"repository": "https://git.example.org/team/catalogue.git"}, "syncInterval": "30m"}
API: dict[str, Any] = {"api": {"endpoint": "https://registry.example.com/"}, "syncInterval": "1h"}


def inline(*documents: Any) -> dict[str, Any]:
    return {"file": {"data": json.dumps(upstream(documents))}}


INVALID = "INVALID"
REFUSED: list[Refusal] = [
    ("createSource", {"name": "a", **GIT}, [("ALREADY_EXISTS", ["name"])]),
    ("createSource", {"name": "own", **GIT}, [("ALREADY_EXISTS", ["name"])]),
    ("createSource", {"name": "new", "managed": True}, [("CONFLICT", ["managed"])]),
    ("createSource", {"name": "new"}, [(INVALID, None)]),
    ("createSource", {"name": "new", "managed": False}, [(INVALID, None)]),
    ("createSource", {"name": "new", "git": None, "syncInterval": "1h"}, [(INVALID, None)]),
    ("createSource", {"name": "new", **GIT, **API}, [(INVALID, ["api"])]),
    ("createSource", {"name": "new", **GIT, "managed": True}, [(INVALID, ["managed"])]),
    *(
        refusal("createSource", {"name": name, **GIT}, (INVALID, ["name"]))
        for name in ("", "New", "a b", "-a", "v0.1", "x" * 64, "n\0", "ä")
    ),
    ("createSource", {"name": "new", "git": GIT["git"]}, [(INVALID, ["syncInterval"])]),
    *(
        refusal("createSource", {"name": "new", **GIT, "syncInterval": interval}, (INVALID, ["syncInterval"]))
        for interval in ("", "soon", "0s", "-1h", "10ms")
    ),
    *(
        refusal("createSource", {"name": "new", **GIT, "maxRemovalPercent": share}, (INVALID, ["maxRemovalPercent"]))
        for share in (-1, 101)
    ),
    *(
        refusal(
            "createSource",
            {"name": "new", "git": {"repository": repository}, "syncInterval": "1h"},
            (INVALID, ["git", "repository"]),
        )
        for repository in (
            "",
            "ssh://git@git.example.org/x.git",
            "git@git.example.org:x.git",
            "https://user:secret@git.example.org/x.git",
            "/srv/repository",
            "file:///srv/repository",
        )
    ),
    (
        "createSource",
        {
            "name": "new",
            "git": {"repository": "https://git.example.org/x", "branch": "a", "tag": "b"},
            "syncInterval": "1h",
        },
        [(INVALID, ["git", "tag"])],
    ),
    *(
        refusal(
            "createSource",
            {"name": "new", "api": {"endpoint": endpoint}, "syncInterval": "1h"},
            (INVALID, ["api", "endpoint"]),
        )
        for endpoint in ("", "registry.example.com", "https://user:secret@registry.example.com")
    ),
    ("createSource", {"name": "new", **API, "format": "TOOLHIVE"}, [(INVALID, ["format"])]),
    (
        "createSource",
        {"name": "new", "api": {**API["api"], "timeout": "1h", "fullSyncInterval": "x"}, "syncInterval": "1h"},
        [(INVALID, ["api", "fullSyncInterval"]), (INVALID, ["api", "timeout"])],
    ),
    ("createSource", {"name": "new", "file": {}, "syncInterval": "1h"}, [(INVALID, ["file"])]),
    (
        "createSource",
        {"name": "new", "file": {"path": "x", "data": "{}"}, "syncInterval": "1h"},
        [(INVALID, ["file", "data"])],
    ),
    (
        "createSource",
        {"name": "new", "file": {"url": "ftp://x.example.org"}, "syncInterval": "1h"},
        [(INVALID, ["file", "url"])],
    ),
    *(
        refusal("createSource", {"name": "new", "file": {"data": data}}, (INVALID, ["file", "data"]))
        for data in ("{", "[]", json.dumps(upstream([document("bad")])), "nul \0")
    ),
    (
        "createSource",
        {"name": "new", **inline(document("org.example/x"), document("bad"))},
        [(INVALID, ["file", "data"])],
    ),
    (
        "createSource",
        {"name": "new", **GIT, "filter": {"names": {"include": ["ok", "{", ""]}, "tags": {"exclude": ["\0"]}}},
        [
            (INVALID, ["filter", "names", "include", "2"]),
            (INVALID, ["filter", "tags", "exclude", "0"]),
            (INVALID, ["filter", "names", "include", "1"]),
        ],
    ),
    ("updateSource", {"name": "a", "syncInterval": "2h"}, [("CONFIG_OWNED", ["name"])]),
    ("updateSource", {"name": "nobody", "syncInterval": "2h"}, [("NOT_FOUND", ["name"])]),
    ("updateSource", {"name": "n\0", "syncInterval": "2h"}, [(INVALID, ["name"])]),
    ("updateSource", {"name": "own", **GIT}, [(INVALID, ["git"])]),
    ("updateSource", {"name": "own", "file": {"path": "x"}, "syncInterval": "1h"}, [(INVALID, ["file", "path"])]),
    ("updateSource", {"name": "own", **inline(document("bad"))}, [(INVALID, ["file", "data"])]),
    ("updateSource", {"name": "own", "filter": {"names": {"exclude": ["*"]}}}, [(INVALID, ["file", "data"])]),
    ("updateSource", {"name": "own", "maxRemovalPercent": 500}, [(INVALID, ["maxRemovalPercent"])]),
    ("deleteSource", {"name": "a"}, [("CONFIG_OWNED", ["name"])]),
    ("deleteSource", {"name": "nobody"}, [("NOT_FOUND", ["name"])]),
    ("deleteSource", {"name": "n\0"}, [(INVALID, ["name"])]),
    ("deleteSource", {"name": "own"}, [("IN_USE", ["name"])]),
]
