"""What makes a file unreadable as a whole, and a value unfit for storing."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from app.core.errors import SourceError
from app.sources import contents
from app.sources.contents import dump_json, find_unstorable, parse_json, show
from tests.sources.samples import JSON_VALUES


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the file is empty"),
        (b" \r\n\t ", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b'{\n "a": 1,\n}', "the file is not valid JSON: trailing comma is not allowed at line 2, column 8"),
        (b'{"a": NaN}', "the file is not valid JSON: "),
        (b"[1e999]", "the file is not valid JSON: number is infinity when parsed as double at line 1, column 2"),
        (b'{"a": 1} x', "the file is not valid JSON: unexpected content after document at line 1, column 10"),
        (b'{"a":\n"\xff"}', "the file is not UTF-8 text: byte 8, in line 2, is wrong"),
        ('{"a": 1}'.encode("utf-16"), "the file is not UTF-8 text: byte 1, in line 1, is wrong"),
        (b"[" * 200_000, "the file's JSON is nested too deep to be read"),
    ],
)
def test_unreadable_file_is_refused_with_its_place(data: bytes, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_json(data)
    assert str(caught.value).startswith(reason)


def test_file_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MAX_FILE_BYTES", 2 * 2**20)
    assert parse_json(b"1" + b" " * (2 * 2**20 - 1)) == 1
    with pytest.raises(SourceError, match="the file has 2097153 bytes, more than the 2 MiB that are read"):
        parse_json(b"1" + b" " * 2 * 2**20)


def test_byte_order_mark_is_skipped() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


def test_lone_surrogate_passes_the_parser_so_that_it_sinks_one_document_only() -> None:
    assert parse_json(b'["\\ud800", 1.5]') == ["\ud800", 1.5]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": ["x", "b\0"]}, (("a", 1), "holds a NUL character, which cannot be stored")),
        ({"a": "\udc00"}, (("a",), "holds half a surrogate pair, which is no character")),
        ({"a": {"\0": 1}}, (("a",), "one of its keys holds a NUL character, which cannot be stored")),
        ([2**64], ((0,), "is an integer of more than 64 bits")),
        ([-(2**63) - 1], ((0,), "is an integer of more than 64 bits")),
        ({"a": [None, 1e400]}, (("a", 1), "is a number too large to be kept")),
        (nested(251), ((0,) * 251, "is nested more than 250 deep")),
    ],
)
def test_unstorable_value_is_found_with_its_place(value: Any, expected: Any) -> None:
    assert dump_json(value) is None or len(expected[0]) > 250
    assert find_unstorable(value) == expected


def test_value_too_deep_to_write_is_unstorable() -> None:
    assert dump_json(nested(10_000)) is None


def test_text_that_only_looks_like_an_escaped_nul_is_storable() -> None:
    assert dump_json({"a": "\\u0000"}) == b'{"a":"\\\\u0000"}'


def test_null_is_storable() -> None:
    assert dump_json({"a": None, "b": "null"}) == b'{"a":null,"b":"null"}'


def test_storable_value_is_written_compactly_as_it_is() -> None:
    assert dump_json({"z": "é…", "a": [1, 2**64 - 1]}) == '{"z":"é…","a":[1,18446744073709551615]}'.encode()


@settings(deadline=None)
@given(value=JSON_VALUES)
def test_whatever_cannot_be_written_has_a_reason(value: Any) -> None:
    assert (dump_json(value) is None) == (find_unstorable(value) is not None)


def test_shown_text_is_clean_and_short() -> None:
    assert show("a\0b\ud800é") == "a\\x00b\\ud800é"
    assert show("x" * 300) == "x" * 200
    assert show(1) is None
