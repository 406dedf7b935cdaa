"""Which words of a search the catalogue knows, and which it knows that are like them. Choosing is not done here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, Text, func, literal, select, union_all
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.tables import Word, table_of
from app.store.predicates import listing
from app.store.ranking import entry_search, has_word
from app.store.servers import Scope

word = table_of(Word)

MAX_ALIKE = 30
"""Words that are like one word, by trigrams in common."""

_MAX_COUNT = 100


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`known`: the words of the search that are found by themselves. `alike`: other words, each with the number of
    servers that have it, up to a hundred.
    """

    known: frozenset[str]
    alike: tuple[tuple[str, int], ...]


async def look_up(session: AsyncSession, scope: Scope, words: Sequence[str], near: Collection[str]) -> Vocabulary:
    """`near` are words that may replace one of `words`. Servers that the viewer cannot see make nothing known: a
    correction must not tell what is hidden.
    """
    given = [_known(scope, typed) for typed in words]
    found = await session.execute(union_all(*given, _alike(scope, words, near)))
    rows = [(row.typed, row.word, row.total) for row in found]
    return Vocabulary(
        frozenset(name for typed, name, count in rows if typed and count),
        tuple((name, count) for typed, name, count in rows if not typed and count),
    )


def _known(scope: Scope, typed: str) -> Select[Any]:
    seen = _seen(scope).where(has_word(typed)).exists()
    count = sql_cast(seen, Integer).label("total")
    columns: tuple[ColumnElement[Any], ...] = (literal(1).label("typed"), literal(typed, Text).label("word"), count)
    return select(*columns)


def _alike(scope: Scope, words: Sequence[str], near: Collection[str]) -> Select[Any]:
    by_trigrams = [
        select(word.c.word)
        .where(word.c.word.bool_op("%")(typed))
        .order_by(func.similarity(word.c.word, typed).desc(), word.c.word)
        .limit(MAX_ALIKE)
        .subquery()
        for typed in words
    ]
    by_letters = select(word.c.word).where(
        word.c.word == func.any(sql_cast(literal(sorted(near), ARRAY(Text)), ARRAY(Text)))
    )
    candidate = by_letters.union(*(alike.select() for alike in by_trigrams)).subquery("candidate")
    own = sql_cast(func.quote_literal(candidate.c.word), TSQUERY)
    seen = _seen(scope).where(entry_search.c.search.bool_op("@@")(own)).correlate(candidate).limit(_MAX_COUNT)
    count = select(func.count()).select_from(seen.subquery()).correlate(candidate).scalar_subquery()
    columns: tuple[ColumnElement[Any], ...] = (literal(0), candidate.c.word, count)
    return select(*columns)


def _seen(scope: Scope) -> Select[Any]:
    tables = listing.join(entry_search, entry_search.c.entry_id == listing.c.entry_id)
    return select(literal(1)).select_from(tables).where(scope.condition(), listing.c.live)
