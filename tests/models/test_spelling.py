"""Distances of words, against a plain reckoning; and what is chosen from words that are near."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.spelling import choose, distance, edits, tolerance
from tests.effort import search as effort

LETTERS = st.text("abé", max_size=6)


@cache
def plain_distance(one: str, other: str) -> int:
    """The definition, word for word: the least number of steps to what is left after the last letters."""
    if not one or not other:
        return len(one) + len(other)
    steps = [
        plain_distance(one[:-1], other) + 1,
        plain_distance(one, other[:-1]) + 1,
        plain_distance(one[:-1], other[:-1]) + (one[-1] != other[-1]),
    ]
    if one[-2:] == other[-2:][::-1] and len(one) > 1 and len(other) > 1:
        steps.append(plain_distance(one[:-2], other[:-2]) + 1)
    return min(steps)


@effort(400)
@given(LETTERS, LETTERS, st.integers(0, 3))
def test_distance_is_the_plain_one_up_to_its_limit(one: str, other: str, limit: int) -> None:
    assert distance(one, other, limit) == min(plain_distance(one, other), limit + 1)
    assert distance(one, other, limit) == distance(other, one, limit)


@effort(200)
@given(st.text("ab", min_size=1, max_size=4), st.text("abc", min_size=1, max_size=5))
def test_edits_are_the_words_at_distance_one(word: str, other: str) -> None:
    assert (other in edits(word)) == (plain_distance(word, other) == 1)


def test_edits_of_a_very_long_word_are_none() -> None:
    assert edits("x" * 25) == set()


@pytest.mark.parametrize(("word", "allowed"), [("git", 1), ("kafk", 1), ("kafka", 2), ("kubernetes", 2)])
def test_long_words_may_have_two_mistakes(word: str, allowed: int) -> None:
    assert tolerance(word) == allowed


@pytest.mark.parametrize(
    ("typed", "counted", "chosen"),
    [
        ("githib", [("github", 3), ("gitlab", 50)], "github"),
        ("kafak", [("kafka", 1), ("kafa", 9)], "kafa"),
        ("kafak", [("kafka", 9), ("kafa", 1)], "kafka"),
        ("gti", [("git", 1), ("gtk", 1)], "git"),
        ("gti", [("gist", 5)], None),
        ("wether", [("weather", 0)], None),
        ("same", [("same", 5)], None),
        ("nothing", [], None),
    ],
)
def test_the_nearest_word_is_chosen_then_the_most_frequent(
    typed: str, counted: list[tuple[str, int]], chosen: str | None
) -> None:
    assert choose(typed, counted) == chosen
