"""The list of sources: as a table for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from app.console.wording import clean, tell_time
from app.models.kinds import SyncPhase
from app.models.views import SourceView

_HEADER: Final = ("NAME", "KIND", "PHASE", "ENTRIES", "VERSIONS", "LAST SUCCESS", "NEXT RUN", "FAILURES")
_INDENT: Final = "  "
_NUMBERS: Final = (3, 4, 7)
_PHASE: Final = 2
_COLOURS: Final = {
    SyncPhase.COMPLETE: "green",
    SyncPhase.SYNCING: "cyan",
    SyncPhase.HELD: "yellow",
    SyncPhase.FAILED: "red",
}


def draw_sources(console: Console, sources: Sequence[SourceView], now: datetime) -> None:
    """One row a source; its message stands below it, folded to the width of the terminal or to 80 columns.

    A name too long for its column has a line of its own.
    """
    rows = [_row(source, now) for source in sources]
    widths = [max(len(row[n]) for row in (_HEADER, *rows)) for n in range(len(_HEADER))]
    gap = 2 if sum(widths) + 2 * (len(widths) - 1) <= console.width else 1
    widths[0] = min(widths[0], max(len(_HEADER[0]), console.width - sum(widths[1:]) - gap * (len(widths) - 1)))
    _print(console, _line(_HEADER, widths, gap), "bold")
    _print(console, f"{_INDENT}MESSAGE", "bold")
    for source, row in zip(sources, rows, strict=True):
        if len(row[0]) > widths[0]:
            _print(console, row[0])
            row = ("", *row[1:])
        line = _line(row, widths, gap)
        start = sum(widths[:_PHASE]) + gap * _PHASE
        line.stylize(_COLOURS.get(source.phase, ""), start, start + widths[_PHASE])
        _print(console, line)
        if source.message:
            for folded in Text(clean(source.message)).wrap(console, console.width - len(_INDENT)):
                folded.rstrip()
                _print(console, _INDENT + folded.plain)


def list_as_json(sources: Sequence[SourceView]) -> list[dict[str, Any]]:
    """The same with exact times, in UTC as ISO 8601 has them."""
    return [
        {
            "name": source.name,
            "kind": source.kind,
            "phase": source.phase,
            "entries": source.entry_count,
            "versions": source.version_count,
            "last_success": _exact(source.last_success_at),
            "next_run": _exact(source.next_run_at),
            "failures": source.consecutive_failures,
            "message": source.message,
        }
        for source in sources
    ]


def _row(source: SourceView, now: datetime) -> tuple[str, ...]:
    return (
        source.name,
        source.kind,
        source.phase,
        f"{source.entry_count:,}",
        f"{source.version_count:,}",
        tell_time(source.last_success_at, now),
        _tell_next(source, now),
        str(source.consecutive_failures),
    )


def _tell_next(source: SourceView, now: datetime) -> str:
    """A run that is due waits for the next tick of whoever runs the sources."""
    if source.leased:
        return "running"
    due = source.next_run_at is not None and source.next_run_at <= now
    return "due" if due else tell_time(source.next_run_at, now)


def _line(cells: Sequence[str], widths: Sequence[int], gap: int) -> Text:
    aligned = (
        cell.rjust(width) if number in _NUMBERS else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return Text((" " * gap).join(aligned).rstrip())


def _print(console: Console, line: str | Text, style: str | None = None) -> None:
    console.print(line, style=style, soft_wrap=True, markup=False, highlight=False)


def _exact(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
