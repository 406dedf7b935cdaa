"""Precedence is exact for every viewer: checked against the rule written out in Python, on random catalogues."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from itertools import combinations

import pytest
from sqlalchemy import text

from app.core.database import Database, Session
from app.models.queries import ListServers, Visibility, Window
from app.store.listings import relist_sources, relist_touched
from app.store.servers import Scope, count_versions, get_versions, list_versions

NAMES = [f"a/{letter}" for letter in "abcdef"]
SETS = 4

Entry = tuple[int, str, int, bool]
"""Source position, name, claim set, whether it is live."""


async def store_entries(session: Session, entries: list[Entry]) -> None:
    for number in range(2, SETS + 1):
        await session.execute(text("insert into claim_set (claims) values (:c)"), {"c": json.dumps({"n": str(number)})})
    await session.execute(text("insert into registry (name, creation_type, claim_set_id) values ('r', 'CONFIG', 1)"))
    for position in range(3):
        await session.execute(
            text(
                "insert into source (name, kind, creation_type, config, claim_set_id)"
                " values (:n, 'file', 'CONFIG', '{}', 1)"
            ),
            {"n": f"s{position}"},
        )
        await session.execute(
            text(
                "insert into registry_source select r.id, s.id, :p from registry r, source s"
                " where r.name = 'r' and s.name = :n"
            ),
            {"p": position, "n": f"s{position}"},
        )
    for position, name, claims, live in entries:
        await session.execute(
            text(
                "with s as (select id from source where name = :s),"
                " e as (insert into entry (source_id, kind, name, claim_set_id) select id, 1, :n, :c from s"
                "   returning id),"
                " v as (insert into entry_version (entry_id, version, version_sort, status, status_changed_at,"
                "   published_at, updated_at, description, tags, tools, registry_types, transports, content_hash,"
                "   document)"
                "   select id, '1', '1', :status, now(), now(), now(), :s, '{}', '{}', '{}', '{}', '', '{}' from e"
                "   returning id, entry_id)"
                " select id, entry_id from v"
            ),
            {"s": f"s{position}", "n": name, "c": claims, "status": 0 if live else 2},
        )
    await session.execute(
        text("update entry e set latest_version_id = v.id from entry_version v where v.entry_id = e.id")
    )


def winners(entries: list[Entry], sees: set[int] | None, *, deleted: bool) -> dict[str, str]:
    """The rule: of the visible entries of a name, live ones first, then the lowest position."""
    found: dict[str, str] = {}
    for name in NAMES:
        visible = [e for e in entries if e[1] == name and (sees is None or e[2] in sees)]
        best = min(visible, key=lambda e: (not e[3], e[0]), default=None)
        if best is not None and (best[3] or deleted):
            found[name] = f"s{best[0]}"
    return found


def random_entries(seed: int) -> list[Entry]:
    rng = random.Random(seed)  # noqa: S311  # reproducible test data
    return [
        (position, name, rng.randint(1, SETS), rng.random() > 0.25)
        for name in NAMES
        for position in range(3)
        if rng.random() > 0.3
    ]


AT = datetime(2026, 1, 1, tzinfo=UTC)
VIEWERS: list[set[int] | None] = [
    None,
    *({*some} for n in range(SETS + 1) for some in combinations(range(1, SETS + 1), n)),
]


async def source_ids(session: Session) -> list[int]:
    return list((await session.execute(text("select id from source"))).scalars())


@pytest.mark.parametrize("seed", range(5))
async def test_every_read_follows_the_rule_for_every_viewer(db: Database, seed: int) -> None:
    entries = random_entries(seed)
    async with db.write() as tx:
        await store_entries(tx.session, entries)
        await relist_sources(tx.session, await source_ids(tx.session), AT)
    async with db.read() as session:
        registry = int(await session.scalar(text("select id from registry where name = 'r'")) or 0)
        for sees in VIEWERS:
            scope = Scope(registry, Visibility(None if sees is None else tuple(sorted(sees))))
            for deleted in (False, True):
                expected = winners(entries, sees, deleted=deleted)
                for version in (None, "latest", "1"):
                    query = ListServers("r", version=version, include_deleted=deleted, window=Window(100))
                    page = await list_versions(session, scope, query)
                    assert {view.name: view.description for view in page.items} == expected
                    assert await count_versions(session, scope, query) == len(expected)
                views = await get_versions(session, scope, NAMES, "latest", deleted)
                assert {view.name: view.description for view in views} == expected


async def test_relisting_mends_every_row_of_what_was_touched(db: Database) -> None:
    async with db.write() as tx:
        await store_entries(tx.session, random_entries(99))
        await relist_sources(tx.session, await source_ids(tx.session), AT)
        rows = "select * from listing order by registry_id, name, position"
        before = (await tx.session.execute(text(rows))).all()
        await tx.session.execute(text("update listing set shadowed_by = '{77}', live = not live"))
        await relist_touched(tx.session, AT)
        assert (await tx.session.execute(text(rows))).all() == before
