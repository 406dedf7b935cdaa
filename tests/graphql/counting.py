"""Every query of the schema with all that can be nested in it, to count the statements that each takes.

`$n` is the size of the page, `$m` that of pages inside of it, `$ids` are ids of nodes, as many as the size says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import event

from app.resolvers.context import Ctx

OPERATIONS: Final = Path(__file__).parents[2] / "frontend-schema/operations"

INPUT = "{ name type description isRequired isSecret choices variables { name variables { name } } }"
TRANSPORT = f"{{ type url headers {INPUT} variables {INPUT} }}"
PARTS = f"""
  repository {{ url }} icons {{ src sizes }} remotes {TRANSPORT} publisherMetadata document
  packages {{ identifier transport {TRANSPORT}
    runtimeArguments {INPUT} packageArguments {INPUT} environmentVariables {INPUT} }}
  toolhive {{ key tags tools toolDefinitions {{ name }} permissions {{ network {{ outbound {{ allowHost }} }} }}
    provenance {{ sigstoreUrl }} metadata {{ stars }} environmentVariables {INPUT} }}
"""
RUN = "{ id outcome held { names } rejections { name reason } source { name } }"
SOURCE = f"""{{ id name sync {{ phase heldRun {RUN} }} lastRun {RUN}
  registries {{ name serverCount sources {{ position source {{ name }} }} }}
  runs(first: $m) {{ totalCount pageInfo {{ endCursor }} edges {{ cursor node {RUN} }} nodes {RUN} }} }}"""
VERSION = f"{{ id version isLatest {PARTS} server {{ id latest {{ version }} source {{ name }} }} }}"
SERVER = f"""{{ id name repository {{ url }} icons {{ src }} latest {VERSION} older: version(version: "1.0.1") {VERSION}
  versions(first: $m) {{ totalCount pageInfo {{ endCursor }} edges {{ cursor node {VERSION} }} nodes {VERSION} }}
  source {SOURCE} registries {{ id name serverCount sources {{ position source {{ name }} }} }}
  shadows {{ position source {{ name lastRun {{ outcome }} }} latest {VERSION} }} }}"""
COUNT = "{ value count }"
FACETS = f"""facets {{ tags {COUNT} registryTypes {COUNT} transports {COUNT} sources {COUNT} statuses {COUNT}
  tiers {COUNT} namespaces {COUNT} }}"""
SERVERS = f"""{{ totalCount correction {FACETS} pageInfo {{ endCursor }} nodes {{ id }}
  edges {{ cursor rank matches {{ field parts {{ text }} }} node {SERVER} }} }}"""
SHELF = f"""{{ totalCount {FACETS} pageInfo {{ endCursor }} edges {{ cursor node {{ name }} }}
  nodes {{ name source {{ name }} shadows {{ source {{ name }} }} latest {{ version }}
    versions(first: $m) {{ totalCount nodes {{ version }} }} }} }}"""
REGISTRY = f"{{ id name serverCount sources {{ position source {SOURCE} }} servers(first: $m) {SHELF} }}"
CHANGE = f"{{ id action source {{ name }} server {SERVER} serverVersion {VERSION} }}"

QUERIES: Final[dict[str, str]] = {
    "servers": f"query($n: Int, $m: Int) {{ servers(first: $n) {SERVERS} }}",
    "servers of a registry": f'query($n: Int, $m: Int) {{ servers(registry: "r00", first: $n) {SERVERS} }}',
    "servers searched": f'query($n: Int, $m: Int) {{ servers(search: "does", first: $n) {SERVERS} }}',
    "servers counted": f"query($n: Int) {{ servers(first: $n) {{ totalCount {FACETS} }} }}",
    "server": f'query($m: Int) {{ server(name: "com.example/s00", registry: "r00") {SERVER} }}',
    "serverVersion": f'{{ serverVersion(name: "com.example/s00") {VERSION} }}',
    "serverVersions": f"""query($n: Int) {{ serverVersions(first: $n, registry: "r00") {{ totalCount
        pageInfo {{ endCursor }} edges {{ cursor node {VERSION} }} nodes {VERSION} }} }}""",
    "registries": f"""query($n: Int, $m: Int) {{ registries(first: $n) {{ totalCount pageInfo {{ endCursor }}
        edges {{ cursor node {REGISTRY} }} nodes {REGISTRY} }} }}""",
    "registry": f'query($m: Int) {{ registry(name: "r00") {REGISTRY} }}',
    "sources": f"""query($n: Int, $m: Int) {{ sources(first: $n) {{ totalCount pageInfo {{ endCursor }}
        edges {{ cursor node {SOURCE} }} nodes {SOURCE} }} }}""",
    "source": f'query($m: Int) {{ source(name: "a00") {SOURCE} }}',
    "syncRuns": f"""query($n: Int, $m: Int) {{ syncRuns(first: $n) {{ totalCount pageInfo {{ endCursor }}
        edges {{ cursor node {RUN} }} nodes {{ source {SOURCE} }} }} }}""",
    "catalogChanges": f"""query($n: Int, $m: Int) {{ catalogChanges(last: $n) {{ totalCount pageInfo {{ endCursor }}
        edges {{ cursor node {CHANGE} }} nodes {CHANGE} }} }}""",
    "explainServer": f"""query($m: Int) {{ explainServer(name: "com.example/s00", registry: "r00") {{ name
        registry {{ name }} winner {VERSION} candidates {{ position outcome reason source {SOURCE} latest {VERSION}
        rejections {{ reason }} }} }} }}""",
    "validateServer": 'query { validateServer(document: {name: "x"}) { isValid issues { message } } }',
    "viewer": f"query($m: Int) {{ viewer {{ subject publishesTo {REGISTRY} }} }}",
    "service": "query { service { revision storage { version } queue { message } workers { name } } }",
    "node": f"query($m: Int, $id: ID!) {{ node(id: $id) {{ id ... on Server {SERVER} }} }}",
    "nodes": f"""query($m: Int, $ids: [ID!]!) {{ nodes(ids: $ids) {{ id ... on Server {SERVER}
        ... on ServerVersion {VERSION} ... on Registry {{ name servers(first: $m) {SHELF} }} ... on Source {SOURCE}
        ... on SyncRun {{ outcome ranFor: source {{ name }} }}
        ... on CatalogChange {{ owner: source {{ name }} changed: server {SERVER} serverVersion {VERSION} }} }} }}""",
}


@contextmanager
def counting(ctx: Ctx) -> Iterator[list[str]]:
    """Collects the SQL statements that the block sends."""
    seen: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        seen.append(statement)

    event.listen(ctx.db.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(ctx.db.engine.sync_engine, "before_cursor_execute", note)
