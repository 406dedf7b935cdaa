"""The derived search rows, one an entry: folded text, weighted words, what the server is called, facet numbers. And the
vocabulary: every word that some row has, for corrections.

The words are cut here in the app and stored as they are. PostgreSQL's own parsers would lose stop words, and with them
every prefix of one, and would know the words of one language only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import Status
from app.models.words import MAX_WORD, fold, split_identifier, split_namespace, split_words, without_generic
from app.store.bulk import copy_rows

MAX_WORDS = 20_000
"""Different words of a row that count: PostgreSQL refuses word lists beyond a megabyte."""

MAX_PLACES = 8
"""Occurrences of a word in a row that count, from the weightiest on; more would add next to nothing to its rank."""

LAST_POSITION = 16383
"""PostgreSQL's; words further behind are found and ranked, but follow none."""

BATCH = 2000
"""Rows that are cut and written at a time."""

_SPELLABLE = range(3, 41)

_BULKY = ("entry", "entry_version", "listing", "entry_search")
_COLUMNS = ("entry_id", "search_text", "search", "handles", "facets")
_COLUMN_LIST = ", ".join(_COLUMNS)

Facet = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Searchable:
    """What of a version is searched and counted."""

    name: str
    title: str | None
    description: str
    status: int
    tier: str | None
    tags: Sequence[str]
    tools: Sequence[str]
    registry_types: Sequence[str]
    transports: Sequence[str]

    @property
    def facets(self) -> Iterator[Facet]:
        yield "namespace", self.name.partition("/")[0]
        yield "status", Status(self.status).name
        if self.tier:
            yield "tier", self.tier
        for facet, values in (
            ("tag", self.tags),
            ("registryType", self.registry_types),
            ("transport", self.transports),
        ):
            yield from ((facet, value) for value in values)

    @property
    def prose(self) -> str:
        """The description, unless the name stands in for one."""
        return "" if self.description == self.name else self.description

    @property
    def text(self) -> str:
        """What a substring is looked for in. Begins with the name, which holds the first slash."""
        return fold("\n".join((self.name, self.title or "", self.prose)))

    @property
    def handles(self) -> str:
        """What the server is called, word by word and each in a line of its own: the part of the name behind the slash
        and the title, both also without the words that any server may have in them.
        """
        called = [words for words in (split_words(self.name.partition("/")[2]), split_words(self.title or "")) if words]
        lines = dict.fromkeys(" ".join(words) for words in (*called, *map(without_generic, called)))
        return "".join(f"\n{line}" for line in lines) + "\n"


_FIELDS = ", ".join(f"v.{name}" for name in Searchable.__slots__ if name != "name")


@dataclass(slots=True)
class WeightedWords:
    """The words of a row with their weights: A name and title, B tags and tools, C description, D namespace."""

    places: dict[str, list[str]] = field(default_factory=dict)
    position: int = 0

    @classmethod
    def of(cls, row: Searchable) -> WeightedWords:
        namespace, _, own = row.name.partition("/")
        words = cls()
        for called, split in ((own, split_identifier), (row.title or "", split_words)):
            parts = split(called)
            words.add(parts, "A")
            if len(parts) > 1:  # so that "duckduckgo" finds "duck-duck-go"
                words.add(("".join(split_words(called))[:MAX_WORD],), "A")
        for label in (*row.tags, *row.tools):
            words.add(split_identifier(label), "B")
        words.add(split_words(row.prose), "C")
        words.add(split_namespace(namespace), "D")
        return words

    def add(self, words: Iterable[str], weight: str) -> None:
        """Words that follow each other; those of the next call do not follow them."""
        found = self.places
        for word in words:
            self.position += 1
            place = f"{min(self.position, LAST_POSITION)}{weight}"
            if word not in found:
                if len(found) < MAX_WORDS:
                    found[word] = [place]
            elif len(found[word]) < MAX_PLACES:
                found[word].append(place)
        self.position += 1

    def __str__(self) -> str:
        """As the input form of a tsvector. Words hold no quotes or backslashes."""
        return " ".join(f"'{word}':{','.join(places)}" for word, places in self.places.items())


async def refresh_search(session: AsyncSession, at: datetime) -> None:
    """Rewrite the search rows of the transaction's `touched` entries from their latest versions.

    `at` is the time of the turn: a latest version without that stamp is the same as before, and so is its search row.
    """
    vocabulary: set[str] = set()
    rows = await _read_batch(session, at, 0)
    if not rows:
        return
    await session.execute(
        text(
            "create temp table search_row (entry_id int, search_text text, search text, handles text, facets int[])"
            " on commit drop"
        )
    )
    while rows:
        numbers = await _facet_numbers(session, {facet for _, row in rows for facet in row.facets})
        # In a thread: those of a large import take seconds, in which this process would answer nobody.
        cut = await asyncio.to_thread(_search_rows, rows, numbers, vocabulary)
        await copy_rows(session, "search_row", _COLUMNS, cut)
        rows = await _read_batch(session, at, rows[-1][0]) if len(rows) == BATCH else []
    await session.execute(
        text(
            f"insert into entry_search ({_COLUMN_LIST})"
            " select entry_id, search_text, cast(search as tsvector), handles, facets from search_row"
            " on conflict (entry_id) do update set search_text = excluded.search_text, search = excluded.search,"
            "   handles = excluded.handles, facets = excluded.facets"
            " where (entry_search.search_text, entry_search.search, entry_search.handles, entry_search.facets)"
            "   is distinct from (excluded.search_text, excluded.search, excluded.handles, excluded.facets)"
        )
    )
    await _learn(session, vocabulary)


async def _read_batch(session: AsyncSession, at: datetime, after: int) -> list[tuple[int, Searchable]]:
    """The next entries in the order of their ids, BATCH at most."""
    found = await session.execute(
        text(
            # `offset 0` has each entry looked up; otherwise all versions would be read for every batch.
            "select latest.* from touched t cross join lateral ("
            f"   select e.id, e.name, {_FIELDS} from entry e join entry_version v on v.id = e.latest_version_id"
            "   where e.id = t.entry_id and v.updated_at = :at offset 0) latest"
            " where t.entry_id > :after order by t.entry_id limit :limit"
        ),
        {"at": at, "after": after, "limit": BATCH},
    )
    return [(row.id, _searchable(row)) for row in found]


def _searchable(row: Row[Any]) -> Searchable:
    values = row._mapping
    return Searchable(**{name: values[name] for name in Searchable.__slots__})


def _search_rows(
    rows: Sequence[tuple[int, Searchable]], numbers: dict[Facet, int], vocabulary: set[str]
) -> list[Sequence[Any]]:
    """Adds the words of every row to `vocabulary` on the way."""
    found: list[Sequence[Any]] = []
    for entry_id, row in rows:
        words = WeightedWords.of(row)
        vocabulary.update(words.places)
        facets = sorted({numbers[facet] for facet in row.facets})
        found.append((entry_id, row.text, str(words), row.handles, facets))
    return found


async def _learn(session: AsyncSession, words: Iterable[str]) -> None:
    spellable = [word for word in words if is_spellable(word)]
    await session.execute(
        text(
            "insert into word (word) select given from unnest(cast(:words as text[])) given"
            " where not exists (select 1 from word w where w.word = given) on conflict do nothing"
        ),
        {"words": spellable},
    )


def is_spellable(word: str) -> bool:
    """Whether a word may be offered as a correction."""
    return len(word) in _SPELLABLE and not word.isdigit()


async def forget_words(session: AsyncSession) -> None:
    """Drop the words from the vocabulary that no row has any more. They do no harm, but would add up.

    Looked for without the catalogue's turn, which is taken for those that are found: another transaction may be about
    to use one again.
    """
    unused = "not exists (select 1 from entry_search s where s.search @@ cast(quote_literal(word.word) as tsquery))"
    found = list((await session.execute(text(f"select word from word where {unused}"))).scalars())
    if not found:
        return
    await session.execute(text("select 1 from catalog for update"))
    await session.execute(
        text(f"delete from word where word = any(cast(:words as text[])) and {unused}"), {"words": found}
    )


async def settle_search(session: AsyncSession) -> None:
    """After a bulk change: merge the indexes' pending lists, which slow every search, and refresh the statistics of the
    tables that have grown by a tenth since theirs were made.

    Both need the owner's rights; where the server is not the owner, PostgreSQL's own maintenance does it later.
    """
    await session.execute(
        text(
            "select gin_clean_pending_list(oid) from pg_class"
            " where relname in ('ix_entry_search_text', 'ix_entry_search_words', 'ix_word_trigrams')"
            "   and pg_has_role(relowner, 'usage')"
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
