"""The derived search rows: folded text for substring search, weighted words, facet numbers. One row an entry."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.store.bulk import copy_rows

MAX_LABELS = 100_000
"""Characters of tags and tools that are searched as words: PostgreSQL refuses word lists beyond a megabyte."""

_BULKY = ("entry", "entry_version", "listing", "entry_search")
_WORDS = re.compile(r"[^\W_]+")
_COLUMNS = ("entry_id", "search_text", "names", "labels", "prose", "facets")

Facet = tuple[str, str]


def fold(value: str) -> str:
    """The form in which texts are compared. Folded here, never by SQL: there it would follow a column's collation."""
    return value.casefold()


async def refresh_search(session: AsyncSession, at: datetime) -> None:
    """Rewrite the search rows of the transaction's `touched` entries from their latest versions.

    `at` is the time of the turn: a latest version without that stamp is the same as before, and so is its search row.
    """
    found = await session.execute(
        text(
            "select e.id, e.name, v.title, v.description, v.tier, v.tags, v.tools, v.registry_types, v.transports"
            " from touched t join entry e on e.id = t.entry_id join entry_version v on v.id = e.latest_version_id"
            " where v.updated_at = :at"
        ),
        {"at": at},
    )
    rows = found.all()
    if not rows:
        return
    numbers = await _facet_numbers(session, {facet for row in rows for facet in _facets(row)})
    await session.execute(
        text(
            "create temp table search_row (entry_id int, search_text text, names text, labels text, prose text,"
            " facets int[]) on commit drop"
        )
    )
    await copy_rows(session, "search_row", _COLUMNS, (_search_row(row, numbers) for row in rows))
    await session.execute(
        text(
            "insert into entry_search (entry_id, search_text, search, facets)"
            " select entry_id, search_text, setweight(to_tsvector('simple', names), 'A')"
            "   || setweight(to_tsvector('simple', labels), 'B') || setweight(to_tsvector('english', prose), 'D'),"
            "   facets"
            " from search_row on conflict (entry_id) do update set search_text = excluded.search_text,"
            "   search = excluded.search, facets = excluded.facets"
            " where (entry_search.search_text, entry_search.search, entry_search.facets)"
            "   is distinct from (excluded.search_text, excluded.search, excluded.facets)"
        )
    )


async def settle_search(session: AsyncSession) -> None:
    """After a bulk change: merge the indexes' pending lists, which slow every search, and refresh the statistics of the
    tables that have grown by a tenth since theirs were made.

    Both need the owner's rights; where the server is not the owner, PostgreSQL's own maintenance does it later.
    """
    await session.execute(
        text(
            "select gin_clean_pending_list(oid) from pg_class"
            " where relname in ('ix_entry_search_text', 'ix_entry_search_words') and pg_has_role(relowner, 'usage')"
        )
    )
    grown = await session.execute(
        text(
            "select relname from pg_class where oid = any(cast(:tables as regclass[]))"
            " and pg_has_role(relowner, 'usage')"
            " and pg_relation_size(oid) > 1.1 * relpages * current_setting('block_size')::int order by relname"
        ),
        {"tables": list(_BULKY)},
    )
    if tables := list(grown.scalars()):
        await session.execute(text(f"analyze {', '.join(tables)}"))


def _search_row(row: Row[Any], numbers: dict[Facet, int]) -> Sequence[Any]:
    description = row.description or ""
    folded = fold("\n".join((row.name, row.title or "", description)))
    names = " ".join(_WORDS.findall(f"{row.name} {row.title or ''}"))
    labels = " ".join(_WORDS.findall(" ".join((*row.tags, *row.tools))))[:MAX_LABELS]
    return row.id, folded, names, labels, description, sorted({numbers[facet] for facet in _facets(row)})


def _facets(row: Row[Any]) -> Iterator[Facet]:
    yield "namespace", row.name.rpartition("/")[0]
    if row.tier:
        yield "tier", row.tier
    for facet, values in (
        ("tag", row.tags),
        ("registryType", row.registry_types),
        ("transport", row.transports),
    ):
        yield from ((facet, value) for value in values)


async def _facet_numbers(session: AsyncSession, facets: Iterable[Facet]) -> dict[Facet, int]:
    wanted = sorted(facets)
    bind = {"facets": [f for f, _ in wanted], "values": [v for _, v in wanted]}
    pairs = "select * from unnest(cast(:facets as text[]), cast(:values as text[])) given (facet, value)"
    await session.execute(
        text(
            f"insert into facet_value (facet, value) {pairs} where not exists (select 1 from facet_value f"
            " where (f.facet, f.value) = (given.facet, given.value)) on conflict do nothing"
        ),
        bind,
    )
    found = await session.execute(
        text(f"select id, facet, value from facet_value join ({pairs}) given using (facet, value)"), bind
    )
    return {(row.facet, row.value): row.id for row in found}
