"""Opaque tokens come back unchanged or not at all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.opaque import decode_opaque, encode_opaque

values = st.recursive(
    st.none()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@given(values)
def test_round_trip_returns_the_value_in_an_alphabet_no_url_changes(value: Any) -> None:
    token = encode_opaque(value)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", token)
    assert decode_opaque(token, "cursor") == value


@given(values, st.data())
def test_any_changed_character_is_refused(value: Any, data: st.DataObject) -> None:
    token = encode_opaque(value)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda c: c != token[place]))
    with pytest.raises(Invalid, match="Invalid cursor"):
        decode_opaque(token[:place] + other + token[place + 1 :], "cursor")


@pytest.mark.parametrize("text", ["", "x", "é", "YWJj", "=" * 9, "A" * 10000, "c2VydmVyMSwxLjAuMA=="])
def test_foreign_text_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="Invalid cursor"):
        decode_opaque(text, "cursor")


@pytest.mark.parametrize("value", ["\0", ["a\0b"], {"a": "\0"}, 2**63, [2**63], [1.5]])
def test_value_that_no_database_takes_is_refused_though_its_sum_is_right(value: Any) -> None:
    with pytest.raises(Invalid, match="Invalid cursor"):
        decode_opaque(encode_opaque(value), "cursor")
