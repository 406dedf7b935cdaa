"""Durations are read and written as Go does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.settings import format_duration, parse_duration

GO_LONGEST = timedelta(microseconds=(2**63 - 1) // 1000)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("+0", 0),
        ("30s", 30),
        ("1h30m", 5400),
        ("45m", 2700),
        ("-1m30s", -90),
        ("+5s", 5),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("500ms", 0.5),
        ("250us", 0.00025),
        ("250\u00b5s", 0.00025),
        ("250\u03bcs", 0.00025),
        ("1500ns", 0.000001),
        ("1m1m", 120),
        ("0003s", 3),
    ],
)
def test_duration_text_is_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "invalid duration"),
        ("-", "invalid duration"),
        ("30", "missing unit"),
        ("1d", 'unknown unit "d"'),
        ("1w", 'unknown unit "w"'),
        ("1h 30m", "unknown unit"),
        (".s", "invalid duration"),
        ("s", "invalid duration"),
        ("1..5s", "unit"),
        ("--5s", "invalid duration"),
        ("300000h" * 10, "invalid duration"),
        ("9" * 5000 + "h", "invalid duration"),
        ("１s", "invalid duration"),
    ],
)
def test_duration_text_is_refused_in_the_words_of_go(text: str, words: str) -> None:
    with pytest.raises(ValueError, match="time: ") as caught:
        parse_duration(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(0), "0s"),
        (timedelta(minutes=30), "30m0s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(seconds=45), "45s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7\u00b5s"),
        (timedelta(seconds=90, milliseconds=250), "1m30.25s"),
        (timedelta(days=2), "48h0m0s"),
        (-timedelta(minutes=5), "-5m0s"),
    ],
)
def test_duration_is_written_as_go_prints_it(length: timedelta, text: str) -> None:
    assert format_duration(length) == text


@given(st.timedeltas(min_value=-GO_LONGEST, max_value=GO_LONGEST))
def test_duration_survives_writing_and_reading(length: timedelta) -> None:
    assert parse_duration(format_duration(length)) == length


@given(st.text(alphabet="0123456789.+-hmnsuµd ", max_size=12))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        length = parse_duration(text)
    except ValueError:
        return
    assert parse_duration(format_duration(length)) == length
