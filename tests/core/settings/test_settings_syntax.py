"""Globs, labels and URLs are judged by their grammar."""

from __future__ import annotations

import pytest

from app.core.settings import find_glob_fault
from app.core.settings.syntax import is_label, split_url


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
    assert find_glob_fault(pattern) == ""


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("[abc", "[ that is never closed"),
        (r"[abc\]", "[ that is never closed"),
        ("[]", "empty character class"),
        ("[!]", "empty character class"),
        ("a\\", "single backslash"),
        ("{a,b", "{ that is never closed"),
        ("{a,{b}", "{ that is never closed"),
        ("{a,[b}", "[ that is never closed"),
    ],
)
def test_unreadable_glob_is_explained(pattern: str, words: str) -> None:
    assert words in find_glob_fault(pattern)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a", True), ("a-1", True), ("a" * 63, True), ("a" * 64, False), ("-a", False), ("a-", False)]
    + [(text, False) for text in ("", "A", "a_b", "a.b", "a\n", "é")],
)
def test_label_follows_rfc_1123(text: str, expected: bool) -> None:
    assert is_label(text) is expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("example.com/x", "must be an absolute URL with host"),
        ("https:///x", "must be an absolute URL with host"),
        ("https://[::1", "is invalid"),
        ("https://host:port/", "is invalid"),
        ("https://ho st/", "is invalid"),
    ],
)
def test_unusable_url_is_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        split_url(text)
