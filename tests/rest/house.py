"""A real server with a registry to read, `default`, and one to write to, `house`; and what its log may not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.seeding import document, upstream
from tests.served import Served, serving, wait_for, write_config


@contextmanager
def house(folder: Path, names: Sequence[str]) -> Iterator[Served]:
    """Publishing works at the root, too, as there is one managed source only."""
    file = folder / "fetched.json"
    file.write_text(json.dumps(upstream([document(name) for name in names])))
    sources = [
        {"name": "fetched", "file": {"path": str(file)}, "syncPolicy": {"interval": "1h"}},
        {"name": "house", "managed": {}},
    ]
    registries = [{"name": name, "sources": [source]} for name, source in (("default", "fetched"), ("house", "house"))]
    with serving(write_config(folder, {}, sources=sources, registries=registries)) as running:
        wait_for(lambda: running.names() == sorted(names), "the first sync")
        yield running


def complaints(served: Served) -> list[str]:
    """What no request may cause: errors, other than the answer to what is not offered, and tracebacks."""
    found = []
    for line in served.log.read_text().splitlines():
        entry = json.loads(line) if line.startswith("{") else {"level": "error"}
        expected = entry.get("msg") == "http_request" and entry.get("status") == 501
        if "exception" in entry or (entry["level"] in ("error", "critical") and not expected):
            found.append(line)
    return found
