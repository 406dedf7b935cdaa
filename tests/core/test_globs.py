"""Which patterns are globs, and what is said of those that are none; what they match is in test_filters.py."""

from __future__ import annotations

import re

import pytest

from app.core.globs import translate_glob


@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "**",
        "io.github.acme/*",
        "[a-z]*",
        "[!a-z]",
        "{a,b}/x",
        "{a,{b,c}}",
        r"\[x",
        r"a\\",
        r"[\]]",
        "",
        "a}b",
        "]",
    ],
)
def test_readable_glob_has_no_fault(pattern: str) -> None:
    assert re.compile(translate_glob(pattern))


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[abc", "a [ is not closed"),
        (r"[abc\]", "a [ is not closed"),
        ("[]", "needs at least one character"),
        ("[!]", "needs at least one character"),
        ("a\\", "ends with a backslash"),
        ("{a,b", "a { is not closed"),
        ("{a,{b}", "a { is not closed"),
        ("{a,[b}", "a [ is not closed"),
        ("[z-a]", "runs backwards"),
        ("{" * 21 + "a" + "}" * 21, "nested more than 20 deep"),
        ("{a,b}" * 10, "more than 1000 patterns"),
        ("{a,b}" * 9 + "x" * 2000, "more than 100000 characters"),
        ("x" * 100_001, "more than 100000 characters"),
    ],
)
def test_unreadable_glob_is_explained(pattern: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        translate_glob(pattern)


@pytest.mark.parametrize("part", ["x", "{x}", "[x]", "\\x"])
def test_long_pattern_is_read_in_one_go(part: str) -> None:
    """Put together character by character it would keep the server busy for a minute."""
    assert re.fullmatch(translate_glob(part * 100_000), "x" * 100_000)
