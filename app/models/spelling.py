"""How far apart words are, and which are near: what corrections of misspelt searches are chosen by. No SQL."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_lowercase

LONG_WORD = 5
"""Letters from which on a word may have two mistakes; shorter ones may have one."""

_MAX_EDITED = 24


def tolerance(word: str) -> int:
    """How many mistakes a word may have."""
    return 2 if len(word) >= LONG_WORD else 1


def distance(one: str, other: str, limit: int) -> int:
    """How many letters must be added, dropped, replaced or swapped with their neighbour; `limit` + 1 for any more."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        older, before, row = before, row, [i]
        for j, facing in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != facing))
            if i > 1 and j > 1 and letter == other[j - 2] and one[i - 2] == facing:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return min(row[-1], limit + 1)


def edits(word: str) -> set[str]:
    """All words at distance 1 whose letters are Latin or the word's own; none for very long words."""
    if len(word) > _MAX_EDITED:
        return set()
    letters = set(ascii_lowercase) | set(word)
    halves = [(word[:i], word[i:]) for i in range(len(word) + 1)]
    found = {a + b[1:] for a, b in halves if b}
    found |= {a + b[1] + b[0] + b[2:] for a, b in halves if len(b) > 1}
    found |= {a + c + b[1:] for a, b in halves if b for c in letters}
    found |= {a + c + b for a, b in halves for c in letters}
    return found - {word, ""}


def choose(typed: str, counted: Iterable[tuple[str, int]]) -> str | None:
    """The nearest of the words, given with how often each occurs; of the equally near the most frequent one."""
    limit = tolerance(typed)
    near = [(distance(typed, word, limit), -count, word) for word, count in counted if count and word != typed]
    best = min(near, default=(limit + 1, 0, ""))
    return best[2] if best[0] <= limit else None
