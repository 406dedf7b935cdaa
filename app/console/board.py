"""Where the progress of syncs is shown: lines that move on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from app.console.wording import clean
from app.models.kinds import SyncOutcome, SyncStage

_COLOURS = {
    SyncOutcome.APPLIED: "green",
    SyncOutcome.UNCHANGED: "green",
    SyncOutcome.HELD: "yellow",
    SyncOutcome.FAILED: "red",
    SyncOutcome.INTERRUPTED: "red",
}


class Board(Protocol):
    def show(self, name: str, stage: SyncStage, fetched: int) -> None:
        """How far the source has come; `fetched` counts documents."""

    def end(self, name: str, outcome: SyncOutcome, *lines: str) -> None:
        """What came of it, for good. The first line follows the source's name."""


@contextmanager
def open_board(console: Console) -> Iterator[Board]:
    if not console.is_terminal:
        yield _Plain()
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[source]}", markup=False),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Live(progress)


class _Plain:
    """A line for each new stage, and the last ones."""

    def __init__(self) -> None:
        self._stages: dict[str, SyncStage] = {}

    def show(self, name: str, stage: SyncStage, fetched: int) -> None:
        if self._stages.get(name) is not stage:
            self._stages[name] = stage
            typer.echo(f"{name}: {stage.lower()} …")

    def end(self, name: str, outcome: SyncOutcome, *lines: str) -> None:
        typer.echo("\n".join(clean(line) for line in (f"{name}: {lines[0]}", *lines[1:])))


class _Live:
    """A moving line for each source under way; what came of it stays above them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def show(self, name: str, stage: SyncStage, fetched: int) -> None:
        text = f"{stage.lower()} …" + (f" {fetched:,} documents" if fetched else "")
        if name in self._tasks:
            self._progress.update(self._tasks[name], description=text)
        else:
            self._tasks[name] = self._progress.add_task(text, total=None, source=name)

    def end(self, name: str, outcome: SyncOutcome, *lines: str) -> None:
        if name in self._tasks:
            self._progress.remove_task(self._tasks.pop(name))
        first = Text.assemble(f"{name}: ", (clean(lines[0]), _COLOURS[outcome]))
        for line in (first, *(Text(clean(line)) for line in lines[1:])):
            self._progress.console.print(line, soft_wrap=True)
