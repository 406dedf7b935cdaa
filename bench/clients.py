"""What the real clients of a registry ask of it: requests and seconds of each over more than 1,000 servers, as a table.

The clients are the drivers of the tests; the server runs beside them on loopback. A client that the server breaks shows
its error in the last column.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.clients.copilot import Copilot
from tests.clients.publisher import Publisher
from tests.clients.stage import DEFAULT, HOUSE, SCHEMA, SOUGHT, catalogue, latest, stage
from tests.clients.thv import Thv
from tests.clients.toolhive_server import ToolHiveServer
from tests.clients.vscode import VSCode
from tests.clients.wire import ClientError, Json

DOCUMENTS = catalogue()
LATEST = latest(DOCUMENTS)
POLICY_SERVERS = 50
PUBLISHED_SERVERS = 50

Run = Callable[[str], tuple[int, str]]
"""From the server's origin to the number of requests and what came of them."""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, stage(Path(folder), DOCUMENTS) as origin:
        rows = [f"| {client} | {measure(run, origin)} |" for client, run in CLIENTS.items()]
    head = f"{len(LATEST)} servers, {len(DOCUMENTS)} versions, each client once\n"
    table = ["| client | requests | seconds | result |", "|---|---:|---:|---|", *rows]
    sys.stdout.write("\n".join([head, *table, ""]))


def measure(run: Run, origin: str) -> str:
    started = time.perf_counter()
    try:
        requests, result = run(origin)
    except ClientError as error:
        return f" | | failed: {str(error)[:200]}"
    return f"{requests:,} | {time.perf_counter() - started:.2f} | {result}"


def show_gallery(origin: str) -> tuple[int, str]:
    with VSCode(origin + DEFAULT) as editor:
        version, found = editor.probe(), editor.query()
        return editor.requests, f"{version}, {len(found)} servers"


def check_installed(origin: str) -> tuple[int, str]:
    with VSCode(origin + DEFAULT) as editor:
        found = [name for name, server in editor.details(LATEST).items() if server is not None]
        return editor.requests, f"{len(found)} of {len(LATEST)} known"


def check_policy(origin: str) -> tuple[int, str]:
    names = list(LATEST)[:POLICY_SERVERS]
    with Copilot(origin + DEFAULT) as copilot:
        found = copilot.allowed({name: LATEST[name]["version"] for name in names})
        return copilot.requests, f"{sum(found.values())} of {len(names)} allowed"


def start_thv(origin: str) -> tuple[int, str]:
    with Thv(origin + DEFAULT) as thv:
        found = thv.start()
        return thv.requests, f"{found} servers; gives up after 10 s"


def list_thv(origin: str) -> tuple[int, str]:
    with Thv(origin + DEFAULT) as thv:
        found = thv.list_servers()
        return thv.requests, f"{len(found)} that ToolHive can run"


def find_thv(origin: str) -> tuple[int, str]:
    with Thv(origin + DEFAULT) as thv:
        found = thv.get_server(SOUGHT.partition("/")[2])
        return thv.requests, found.name


def sync_server(origin: str) -> tuple[int, str]:
    with ToolHiveServer(origin + DEFAULT) as consumer:
        found = consumer.sync()
        return consumer.requests, f"{len(found)} versions"


def publish_servers(origin: str) -> tuple[int, str]:
    with Publisher(origin + HOUSE) as publisher:
        publisher.login()
        for number in range(PUBLISHED_SERVERS):
            publisher.publish(_written(number))
            publisher.set_status(_written(number)["name"], "1.0.0", "deprecated", "measured")
        return publisher.requests, f"{PUBLISHED_SERVERS} published, then deprecated"


def _written(number: int) -> Json:
    image = {"registryType": "oci", "identifier": "ghcr.io/house/tool:1", "transport": {"type": "stdio"}}
    server = {"$schema": SCHEMA, "name": f"com.house.example/server-{number}", "description": "Ours"}
    return {**server, "version": "1.0.0", "packages": [image]}


CLIENTS: dict[str, Run] = {
    "VS Code, the gallery scrolled to its end": show_gallery,
    "VS Code, all servers installed": check_installed,
    "GitHub Copilot, a policy check": check_policy,
    "thv, the walk at its start": start_thv,
    "thv, its list": list_thv,
    "thv, one server by a bare name": find_thv,
    "ToolHive Registry Server, one synchronisation": sync_server,
    "mcp-publisher": publish_servers,
}


if __name__ == "__main__":
    main()
