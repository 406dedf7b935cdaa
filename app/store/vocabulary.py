"""Which words of a search the catalogue knows, and which it knows that are like them. Choosing is not done here."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Text, func, literal, select, true, union_all
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


async def find_known(session: AsyncSession, scope: Scope, words: Sequence[str]) -> frozenset[str]:
    """Those of the words of a search that are found by themselves. Servers that the viewer cannot see make nothing
    known: a correction must not tell what is hidden.
    """
    found = await session.execute(union_all(*(_known(scope, typed) for typed in words)))
    return frozenset(row.word for row in found if row.is_known)


async def find_alike(
    session: AsyncSession, scope: Scope, words: Sequence[str], near: Collection[str]
) -> tuple[tuple[str, int], ...]:
    """Words that the viewer's servers have, those of `near` among them, that are like one of `words`, each with the
    number of servers that have it, up to a hundred.
    """
    found = await session.execute(_alike(scope, words, near))
    return tuple((row.word, row.total) for row in found if row.total)


def _known(scope: Scope, typed: str) -> Select[Any]:
    tables = listing.join(entry_search, entry_search.c.entry_id == listing.c.entry_id)
    seen = select(literal(1)).select_from(tables).where(scope.condition(), listing.c.live, has_word(typed))
    columns: tuple[ColumnElement[Any], ...] = (literal(typed, Text).label("word"), seen.exists().label("is_known"))
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
    # OFFSET 0 pins the look-up from each row that has the word: joined with all the viewer sees, once a candidate, it
    # would take seconds.
    having = select(entry_search.c.entry_id).where(entry_search.c.search.bool_op("@@")(own)).correlate(candidate)
    held = having.offset(0).subquery("held")
    shown = select(literal(1)).where(listing.c.entry_id == held.c.entry_id, scope.condition(), listing.c.live)
    seen = select(literal(1)).select_from(held.join(shown.offset(0).lateral("shown"), true())).limit(_MAX_COUNT)
    count = (
        select(func.count()).select_from(seen.correlate(candidate).subquery()).correlate(candidate).scalar_subquery()
    )
    return select(candidate.c.word, count.label("total"))
