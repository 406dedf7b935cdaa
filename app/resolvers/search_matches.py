"""Where a search is found in what is shown of a server: its texts cut into parts that match and parts that do not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.models.searches import Search
from app.models.views import VersionView
from app.models.words import fold, forms, is_word_character, own_start

MIN_INSIDE = 3
"""Letters from which on a word is found inside of words, too; see app.store.ranking."""


class SearchField(StrEnum):
    """The texts of a server that a search looks into."""

    NAME = "NAME"
    TITLE = "TITLE"
    DESCRIPTION = "DESCRIPTION"
    TAGS = "TAGS"
    TOOLS = "TOOLS"


@dataclass(frozen=True, slots=True)
class Part:
    text: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Match:
    """A text that matches. Its parts, put together, are the text; a list's items are a match each."""

    field: SearchField
    parts: tuple[Part, ...]


def find_matches(view: VersionView, search: Search) -> tuple[Match, ...]:
    """The texts in which the search is found, in the order of the fields; of tags and tools each one by itself."""
    texts: list[tuple[SearchField, str]] = [
        (SearchField.NAME, view.name),
        (SearchField.TITLE, view.title or ""),
        (SearchField.DESCRIPTION, "" if view.description == view.name else view.description),
        *((SearchField.TAGS, tag) for tag in view.tags),
        *((SearchField.TOOLS, tool) for tool in view.tools),
    ]
    marked = ((field, _mark(field, text, search)) for field, text in texts)
    return tuple(Match(field, parts) for field, parts in marked if any(part.is_match for part in parts))


def _mark(field: SearchField, text: str, search: Search) -> tuple[Part, ...]:
    folded, places = _fold_in_place(text)
    namespace = text.partition("/")[0] if field is SearchField.NAME else ""
    spans = [*_phrases(folded, search)]
    for begin, end, is_prefix in _occurrences(folded, search):
        if begin > len(namespace) or not namespace or (is_prefix and begin >= own_start(namespace)):
            spans.append((begin, end))
    return _cut(text, [(places[begin][0], places[end - 1][1]) for begin, end in spans])


def _phrases(folded: str, search: Search) -> Iterator[tuple[int, int]]:
    if search.is_path or not search.words or " " in search.text:
        for begin in _find_all(folded, search.text):
            yield begin, begin + len(search.text)


def _occurrences(folded: str, search: Search) -> Iterator[tuple[int, int, bool]]:
    """Begin and end of every place where a word is found, and whether a word of the text begins there."""
    for word in search.words:
        for form in forms(word):
            inside = form == word and (len(word) >= MIN_INSIDE or not word.isascii())
            for begin in _find_all(folded, form):
                is_prefix = begin == 0 or not is_word_character(folded[begin - 1])
                if is_prefix or inside:
                    yield begin, begin + len(form), is_prefix


def _find_all(text: str, wanted: str) -> Iterator[int]:
    begin = text.find(wanted)
    while begin >= 0:
        yield begin
        begin = text.find(wanted, begin + 1)


def _fold_in_place(text: str) -> tuple[str, Sequence[tuple[int, int]]]:
    """The folded text, and for each of its characters where that comes from in `text`: folding changes lengths."""
    if text.isascii():
        return text.lower(), [(place, place + 1) for place in range(len(text))]
    folded: list[str] = []
    places: list[tuple[int, int]] = []
    begin = 0
    while begin < len(text):
        end = begin + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        piece = fold(text[begin:end])
        folded.append(piece)
        places += [(begin, end)] * len(piece)
        begin = end
    return "".join(folded), places


def _cut(text: str, spans: Sequence[tuple[int, int]]) -> tuple[Part, ...]:
    parts: list[Part] = []
    done = 0
    for begin, end in _merged(spans):
        parts += [Part(text[done:begin], False), Part(text[begin:end], True)]
        done = end
    return tuple(part for part in (*parts, Part(text[done:], False)) if part.text)


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged
