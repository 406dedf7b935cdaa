"""Durations in the notation of Go: `30m`, `1h30m`, `500ms`. Owns reading and writing them, not where they are used."""

from __future__ import annotations

import re
from datetime import timedelta

_MICROSECOND = 1_000
_MILLISECOND = 1_000_000
_SECOND = 1_000_000_000
_UNITS = {
    "ns": 1,
    "us": _MICROSECOND,
    "µs": _MICROSECOND,  # U+00B5, the micro sign
    "μs": _MICROSECOND,  # U+03BC, the Greek letter
    "ms": _MILLISECOND,
    "s": _SECOND,
    "m": 60 * _SECOND,
    "h": 3600 * _SECOND,
}
_PART = re.compile(r"(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?(?P<unit>[^0-9.]*)")
_LONGEST = 2**63 - 1  # Go keeps nanoseconds in an int64: about 292 years
_MOST_DIGITS = 19


def parse_duration(text: str) -> timedelta:
    """Read a Go duration: an optional sign, then numbers with a unit (ns, us, µs, ms, s, m, h), or a plain `0`.

    The result has a resolution of one microsecond; finer parts are cut off. Raises ValueError with the wording of
    Go's time.ParseDuration.
    """
    body = text[1:] if text[:1] in ("+", "-") else text
    if body == "0":
        return timedelta(0)
    if not body:
        raise ValueError(f'time: invalid duration "{text}"')
    nanoseconds = 0
    while body:
        part = _PART.match(body)
        if part is None or not (part["whole"] or part["fraction"]):
            raise ValueError(f'time: invalid duration "{text}"')
        nanoseconds += _count_nanoseconds(part, text)
        body = body[part.end() :]
    if nanoseconds > _LONGEST:
        raise ValueError(f'time: invalid duration "{text}"')
    length = timedelta(microseconds=nanoseconds // _MICROSECOND)
    return -length if text.startswith("-") else length


def _count_nanoseconds(part: re.Match[str], text: str) -> int:
    unit = part["unit"]
    if not unit:
        raise ValueError(f'time: missing unit in duration "{text}"')
    if unit not in _UNITS:
        raise ValueError(f'time: unknown unit "{unit}" in duration "{text}"')
    whole, fraction = part["whole"].lstrip("0"), (part["fraction"] or "")[:_MOST_DIGITS]
    if len(whole) > _MOST_DIGITS:
        raise ValueError(f'time: invalid duration "{text}"')
    size = _UNITS[unit]
    return int(whole or "0") * size + (int(fraction) * size // 10 ** len(fraction) if fraction else 0)


def format_duration(length: timedelta) -> str:
    """Write a duration as Go prints it: `30m0s`, `1h0m0s`, `45s`, `500ms`, `0s`."""
    microseconds = length // timedelta(microseconds=1)
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds == 0:
        return "0s"
    if microseconds < 1_000:
        return f"{sign}{microseconds}µs"
    if microseconds < 1_000_000:
        return f"{sign}{_format_decimal(microseconds, 1_000)}ms"
    minutes, rest = divmod(microseconds, 60 * 1_000_000)
    hours, minutes_left = divmod(minutes, 60)
    seconds = f"{_format_decimal(rest, 1_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes_left}m{seconds}"
    return f"{sign}{minutes_left}m{seconds}" if minutes_left else f"{sign}{seconds}"


def _format_decimal(amount: int, unit: int) -> str:
    whole, part = divmod(amount, unit)
    digits = f"{part:0{len(str(unit)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)
