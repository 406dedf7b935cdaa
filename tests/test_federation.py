"""One of our servers follows another: status, messages and tombstones are carried over. Real processes, real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.seeding import document, upstream
from tests.served import Served, serving, wait_for, write_config

pytestmark = pytest.mark.process

OFFICIAL = "io.modelcontextprotocol.registry/official"
CARRIED = ("status", "statusMessage", "publishedAt", "statusChangedAt", "isLatest")

Catalogue = dict[tuple[str, str], dict[str, Any]]


def read_all(served: Served) -> Catalogue:
    """Every version that the server tells of: its document, and what a follower has to carry over."""
    items = served.get("/registry/default/v0.1/servers?limit=1000&include_deleted=true").json()["servers"]
    found: Catalogue = {}
    for item in items:
        official = item["_meta"][OFFICIAL]
        carried = {key: official[key] for key in CARRIED if key in official}
        found[item["server"]["name"], item["server"]["version"]] = {"document": item["server"], **carried}
    return found


def write_follower(folder: Path, leader: Served) -> Path:
    folder.mkdir()
    endpoint = f"http://127.0.0.1:{leader.port}/registry/default"
    source = {"name": "leader", "api": {"endpoint": endpoint}, "syncPolicy": {"interval": "1s"}}
    return write_config(
        folder,
        {},
        sources=[source],
        registries=[{"name": "default", "sources": ["leader"]}],
        outbound={"allowPrivate": ["127.0.0.0/8"]},
    )


def write_leader(folder: Path, file: Path) -> Path:
    folder.mkdir()
    listed = {"name": "listed", "file": {"path": str(file)}, "syncPolicy": {"interval": "1s"}}
    return write_config(
        folder,
        {},
        sources=[{"name": "house", "managed": {}}, listed],
        registries=[{"name": "default", "sources": ["house", "listed"]}],
    )


def test_follower_ends_equal_to_what_it_follows(tmp_path: Path) -> None:
    file = tmp_path / "listed.json"
    names = [f"com.example/listed-{number}" for number in range(5)]
    file.write_text(json.dumps(upstream([document(name) for name in names])))
    with serving(write_leader(tmp_path / "leader", file)) as leader:
        base = f"http://127.0.0.1:{leader.port}/registry/default/v0.1"
        with httpx.Client(base_url=base, trust_env=False, timeout=10) as publisher:
            for version in ("1.0.0", "1.1.0", "2.0.0"):
                publisher.post("/publish", json=document("com.example/own", version)).raise_for_status()
            with serving(write_follower(tmp_path / "follower", leader)) as follower:
                wait_for(lambda: read_all(follower) == read_all(leader), "the first pass")

                place = "/servers/com.example%2Fown/versions"
                change = {"status": "deprecated", "statusMessage": "use 2.0.0"}
                publisher.patch(f"{place}/1.0.0/status", json=change).raise_for_status()
                publisher.delete(f"{place}/2.0.0").raise_for_status()
                file.write_text(json.dumps(upstream([document(name) for name in names[1:]])))
                wait_for(lambda: read_all(leader)[names[0], "1.0.0"]["status"] == "deleted", "the tombstone")
                wait_for(lambda: read_all(follower) == read_all(leader), "the changes")

                found = read_all(follower)
                assert found["com.example/own", "1.0.0"]["status"] == "deprecated"
                assert found["com.example/own", "1.0.0"]["statusMessage"] == "use 2.0.0"
                assert found["com.example/own", "2.0.0"]["status"] == "deleted"
                assert found["com.example/own", "1.1.0"]["isLatest"]
                assert found[names[0], "1.0.0"]["statusMessage"] == "no longer in its source"
                live = follower.get("/registry/default/v0.1/servers?limit=1000").json()["servers"]
                assert len(live) == 6

                file.write_text(json.dumps(upstream([document(name) for name in names])))
                wait_for(lambda: read_all(leader)[names[0], "1.0.0"]["status"] == "active", "its return")
                wait_for(lambda: read_all(follower) == read_all(leader), "the same here")
