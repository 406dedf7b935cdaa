"""Labels and URLs are judged by their grammar."""

from __future__ import annotations

import pytest

from app.core.settings.syntax import is_label, split_url


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
