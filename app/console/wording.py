"""How runs, previews and times are put into words. Pure functions; owns neither colours nor where lines go."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from app.models.kinds import SyncOutcome
from app.models.views import SyncRunView
from app.resolvers.sync_requests import SyncPreview

SHOWN_NAMES: Final = 10

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def clean(text: str) -> str:
    """Without what could steer a terminal: names and messages come from outside."""
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def describe_run(run: SyncRunView, seconds: float) -> str:
    """A finished run in one line, after the source's name."""
    took = f"in {seconds:.1f} s"
    rejected = f"{run.rejected:,} rejected"
    match run.outcome:
        case SyncOutcome.APPLIED:
            return f"applied, {run.added:,} added, {run.updated:,} updated, {run.removed:,} removed, {rejected} {took}"
        case SyncOutcome.UNCHANGED:
            return f"unchanged, {rejected} {took}" if run.rejected else f"unchanged {took}"
        case SyncOutcome.HELD:
            return f"held {took}"
    return f"{run.outcome.lower()} {took}: {run.error or 'no reason was recorded'}"


def describe_removal(names: Sequence[str], removed: int, entries: int) -> str:
    """Which entries a held run would remove; the first of `names`, the rest as a number."""
    shown = ", ".join(names[:SHOWN_NAMES])
    more = removed - min(SHOWN_NAMES, len(names))
    return f"{removed:,} of {entries:,} entries would go: {shown}" + (f" and {more:,} more" if more else "")


def describe_held(held: Mapping[str, Any], name: str, config: Path) -> tuple[str, ...]:
    """The lines below a held run: what would go, and how to accept it."""
    command = shlex.join(["thv-registry-api", "sync", f"--config={config}", name, "--accept"])
    return (
        f"  {describe_removal(held['names'], held['removed'], held['entries'])}",
        f"  accept with: {command}",
    )


def describe_preview(preview: SyncPreview) -> Iterator[str]:
    """A dry run: a line of counts, after the source's name, then a line for each version."""
    parts = {"added": preview.added, "updated": preview.updated, "removed": preview.removed}
    counts = ", ".join(f"{len(versions):,} {word}" for word, versions in parts.items())
    yield f"would be {'held' if preview.held else 'applied'}, {counts}, {len(preview.rejections):,} rejected"
    if preview.held:
        yield f"  {describe_removal(preview.held.names, len(preview.held.names), preview.held.entries)}"
    for word, versions in parts.items():
        for name, version in sorted(versions):
            yield f"  {word} {name} {version}"
    for item in preview.rejections:
        yield f"  rejected {item.name or 'a document'} {item.version or '-'}: {item.reason}"


def tell_time(moment: datetime | None, now: datetime) -> str:
    """A time as people say it: `3 min ago`, `in 2 h`."""
    if moment is None:
        return "-"
    seconds = round((moment - now).total_seconds())
    if not seconds:
        return "now"
    size, unit = next((size, unit) for size, unit in _UNITS if abs(seconds) >= size)
    amount = f"{abs(seconds) // size} {unit}"
    return f"in {amount}" if seconds > 0 else f"{amount} ago"
