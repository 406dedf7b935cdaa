"""A ranked search as SQL over listing and entry_search: which rows it finds, and in what order.

A text of the caller never reaches a parser of queries: the words are cut by app.models.words, and hold nothing but
letters, digits and marks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, Text, and_, case, func, literal, or_
from sqlalchemy import cast as sql_cast
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from app.models.searches import Search
from app.models.tables import EntrySearch, Listing, table_of
from app.models.words import fold, forms, without_generic

listing = table_of(Listing)
entry_search = table_of(EntrySearch)

RANK_UNIT = 1_000_000
"""What a rank of text counts; it is always less than 1."""

TIER = 10 * RANK_UNIT

# Of D, C, B and A: namespace, description, tags and tools, name and title. Measured with bench/search.py, as is that
# a rank is divided by the logarithm of how much text there is.
_WEIGHTS = (0.05, 0.3, 0.4, 1.0)
_BY_LENGTH = 1
_SHORT = 3


def contains_text(term: str) -> ColumnElement[bool]:
    """Case-insensitive, literal substring of name, title or description."""
    return _holds(fold(term), "", len(term))


def found_by(search: Search) -> ColumnElement[bool]:
    """Whether a row is found at all.

    Each word must begin a word of the row (in the end that is how an unfinished word is found), or stand anywhere in
    its name, title or description; in the namespace only whole beginnings count, as "github" stands in most of them.
    """
    if not search.needed:
        return contains_text(search.text)
    join = or_ if search.any_word else and_
    found = join(*(has_word(word) for word in search.needed))
    return or_(found, contains_text(search.text)) if search.is_path else found


def has_word(word: str) -> ColumnElement[bool]:
    indexed = _has(_forms(word))
    if word.isascii() and len(word) < _SHORT:
        return indexed
    return or_(indexed, _holds(word, "/", len(word)))


def score(search: Search) -> ColumnElement[int]:
    """How well a row that was found fits, the greater the better: what its name is to the search, then its text."""
    if not search.words:
        return case((func.lower(listing.c.name) == search.text, 7 * TIER), else_=TIER)
    tier = case(*_tiers(search), else_=0 if search.any_word else 1)
    weights = sql_cast(literal(list(_WEIGHTS), ARRAY(Float)), ARRAY(Float(24)))
    words = _query(" | ".join(_forms(word) for word in search.words))
    rank = func.ts_rank(weights, entry_search.c.search, words, _BY_LENGTH)
    return sql_cast(tier * TIER + func.floor(rank * RANK_UNIT), Integer)


def _tiers(search: Search) -> Iterator[tuple[ColumnElement[bool], int]]:
    name = func.lower(listing.c.name)
    yield name == search.text, 7
    yield func.split_part(name, "/", 2) == search.text, 6
    yield or_(*(_called(f"\n{line}\n") for line in _exact_lines(search))), 5
    yield _called(f"\n{search.joined}"), 4
    if search.is_path:
        yield func.starts_with(name, search.text), 4
        yield contains_text(search.text), 3
    if len(search.words) > 1:
        yield _has(" <-> ".join(_forms(word) for word in search.words)), 3
    yield _has(" & ".join(_forms(word) for word in search.needed)), 2
    if search.any_word:
        yield and_(*(has_word(word) for word in search.needed)), 1


def _has(words: str) -> ColumnElement[bool]:
    return entry_search.c.search.bool_op("@@")(_query(words))


def _exact_lines(search: Search) -> tuple[str, ...]:
    return tuple(dict.fromkeys((search.joined, " ".join(without_generic(search.joined.split())))))


def _called(line: str) -> ColumnElement[bool]:
    return func.strpos(entry_search.c.handles, line) > 0


def _holds(folded: str, behind: str, length: int) -> ColumnElement[bool]:
    """Under three characters there is no trigram to look up, and the index would be read whole; the concatenation keeps
    the planner from using it.
    """
    column: ColumnElement[str] = entry_search.c.search_text
    if length < _SHORT:
        column = column + ""
    if not behind:
        return column.contains(folded, autoescape=True)
    return column.like(f"%{behind}%{folded}%")


def _forms(word: str) -> str:
    """The word itself, what begins with it, and its other forms: the more of them a row has, the higher its rank."""
    quoted = f"'{word}'"
    begins = [f"'{form}':*" for form in forms(word)]
    return f"({' | '.join([quoted, *begins])})"


def _query(words: str) -> ColumnElement[Any]:
    return sql_cast(literal(words, Text), TSQUERY)
