"""The order of versions: semantic versions by precedence, above everything else by time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.models.versions import sort_key

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def keys(*versions: str) -> list[str]:
    return [sort_key(version, T0) for version in versions]


def test_semver_precedence_orders_the_example_of_the_specification() -> None:
    ascending = keys(
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "1.9.0",
        "1.10.0",
        "2.0.0",
        "10.0.0",
    )
    assert ascending == sorted(set(ascending), key=lambda key: key.encode())


def test_hyphen_inside_an_identifier_sorts_after_the_end_of_one() -> None:
    assert keys("1.0.0-a", "1.0.0-a.1", "1.0.0-a-b") == sorted(keys("1.0.0-a", "1.0.0-a.1", "1.0.0-a-b"))


def test_build_metadata_and_leading_v_make_no_difference() -> None:
    assert len(set(keys("1.2.3", "v1.2.3", "1.2.3+b1", "1.2.3+b2"))) == 1


@pytest.mark.parametrize("odd", ["2025-06-18", "latest-build", "1.0", "01.2.3", "1.2.3.4", "1.0.1º", "", "V1.0.0"])
def test_anything_else_sorts_below_every_semver_and_by_time(odd: str) -> None:
    assert sort_key(odd, T0) < sort_key("0.0.0-0", T0 - timedelta(days=9999))
    assert sort_key(odd, T0) < sort_key("other text", T0 + timedelta(microseconds=1))


numbers = st.integers(min_value=0, max_value=10**30)


@given(st.tuples(numbers, numbers, numbers), st.tuples(numbers, numbers, numbers))
def test_numbers_of_any_length_compare_as_numbers(one: tuple[int, int, int], other: tuple[int, int, int]) -> None:
    a, b = keys(".".join(map(str, one)), ".".join(map(str, other)))
    assert (a < b) == (one < other)
    assert (a == b) == (one == other)
