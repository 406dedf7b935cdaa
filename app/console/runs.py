"""Runs of sources that an operator asks for: done here, or followed where another process does them.

Owns the order of the steps and when a run has ended. What a run does is the business of app.resolvers.sync.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from app.console.board import Board
from app.console.wording import describe_held, describe_preview, describe_run
from app.core.errors import AppError, Conflict, SourceNotFound, Unavailable
from app.core.settings import Settings
from app.models.kinds import SyncOutcome, SyncPhase, SyncStage, SyncTrigger
from app.models.queries import Window
from app.models.views import SourceView, SyncRunView
from app.resolvers.context import Ctx
from app.resolvers.running import Run
from app.resolvers.sources import list_sources, page_runs, runs_by_id, sources_by_id
from app.resolvers.sync import execute, lease_next
from app.resolvers.sync_requests import accept_held, preview_sync, request_sync
from app.sources.adapters import unsupported

POLL_SECONDS: Final = 0.2
AT_ONCE: Final = 3
"""Sources that this process runs at a time: one connection of the pool stays free for leases and progress."""


class Verdict(IntEnum):
    """What came of a source, as the exit code tells it. A failure of one outweighs that another one is held."""

    DONE = 0
    FAILED = 1
    HELD = 3


_VERDICTS: Final = {
    SyncOutcome.APPLIED: Verdict.DONE,
    SyncOutcome.UNCHANGED: Verdict.DONE,
    SyncOutcome.HELD: Verdict.HELD,
}


_BROKEN_OFF: Final = (SyncOutcome.RUNNING, SyncOutcome.INTERRUPTED)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for. `config` is the configuration file, for the commands that are proposed."""

    config: Path
    full: bool = False
    dry_run: bool = False
    accept: bool = False


async def choose_sources(ctx: Ctx, settings: Settings, names: Sequence[str]) -> tuple[SourceView, ...]:
    """The sources of these names, or all that are fetched.

    Raises SourceNotFound for one that is not loaded, be it named or only in the configuration.
    """
    known = {source.name: source for source in await list_sources(ctx)}
    wanted = names or [source.name for source in settings.sources]
    missing = [name for name in wanted if name not in known]
    if missing:
        raise SourceNotFound(
            f"source {missing[0]!r} is not known; "
            + (f"known are: {', '.join(known)}" if known else "nor is any other")
            + "; start the server once to load the configuration"
        )
    if names:
        return tuple(known[name] for name in dict.fromkeys(names))
    return tuple(source for source in known.values() if unsupported(source.kind) is None)


@contextmanager
def cancelling(number: signal.Signals) -> Iterator[None]:
    """The signal cancels the task that runs the block, so that it can give back what it holds."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None  # noqa: S101  # a coroutine that the loop runs has a task
    loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


@dataclass(frozen=True, slots=True)
class Operation:
    """Who runs sources, how, and where it shows. `owner` names this process in leases."""

    ctx: Ctx
    owner: str
    wish: Wish
    board: Board

    async def run(self, sources: Sequence[SourceView], at_once: int) -> Verdict:
        """Run all of them, `at_once` at a time. Raises Unavailable. Cancelled, it gives back what it holds."""
        free = asyncio.Semaphore(at_once)
        work = self._preview if self.wish.dry_run else self._sync

        async def one(source: SourceView) -> Verdict:
            async with free:
                return await self._attempt(source, work)

        tasks = [asyncio.create_task(one(source)) for source in sources]
        try:
            verdicts = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                if not task.cancelling():  # a second time would cut off the giving back
                    task.cancel()
            if tasks:
                await asyncio.wait(tasks)
        return next((v for v in (Verdict.FAILED, Verdict.HELD) if v in verdicts), Verdict.DONE)

    async def _attempt(self, source: SourceView, work: Callable[[SourceView], Awaitable[Verdict]]) -> Verdict:
        self.board.show(source.name, SyncStage.FETCHING, 0)
        try:
            return await work(source)
        except Unavailable:
            raise
        except AppError as error:
            self.board.end(source.name, SyncOutcome.FAILED, f"failed: {error}")
            return Verdict.FAILED

    async def _preview(self, source: SourceView) -> Verdict:
        preview = await preview_sync(self.ctx, source.name)
        outcome = SyncOutcome.HELD if preview.held else SyncOutcome.APPLIED
        self.board.end(source.name, outcome, *describe_preview(preview))
        return _VERDICTS[outcome]

    async def _sync(self, source: SourceView) -> Verdict:
        began = time.monotonic()
        await self._request(source)
        run = await self._finish(source)
        outcome = SyncOutcome(run.outcome)
        more = describe_held(run.held, source.name, self.wish.config) if run.held else ()
        self.board.end(source.name, outcome, describe_run(run, time.monotonic() - began), *more)
        return _VERDICTS.get(outcome, Verdict.FAILED)

    async def _request(self, source: SourceView) -> None:
        """Make the source due. A run under way will do, unless all is to be read anew."""
        if self.wish.accept:
            await self._follow(source)  # a run that began before the consent would be held all the same
            await accept_held(self.ctx, source.name)
            return
        while True:
            try:
                await request_sync(self.ctx, source.name, full=self.wish.full)
            except Conflict:
                if self.wish.full:
                    await self._follow(source)
                    continue
            return

    async def _finish(self, source: SourceView) -> SyncRunView:
        """The end of the run, whichever process does it. One that broke off is begun again, here or there."""
        while True:
            run = await lease_next(self.ctx, self.owner, SyncTrigger.MANUAL, source.id)
            if run is not None:
                await self._execute(run)
                return await self._result(source, run.id)
            ended = await self._follow(source)
            if ended is not None:
                return ended
            await asyncio.sleep(POLL_SECONDS)

    async def _execute(self, run: Run) -> None:
        async def show() -> None:
            while True:
                self.board.show(run.source.name, run.progress.stage, run.progress.fetched)
                await asyncio.sleep(POLL_SECONDS)

        shown = asyncio.create_task(show())
        try:
            await execute(self.ctx, run)
        finally:
            shown.cancel()
            await asyncio.wait([shown])

    async def _follow(self, source: SourceView) -> SyncRunView | None:
        """The run that another process has under way, or just had, once it ended; None if the source has to be run."""
        followed: int | None = None
        while True:
            known, newest = await self._look(source)
            if not known.leased or newest is None or followed not in (None, newest.id):
                break
            followed = newest.id
            if newest.stage is not None:
                self.board.show(source.name, SyncStage(newest.stage), newest.fetched)
            await asyncio.sleep(POLL_SECONDS)
        ended = (await runs_by_id(self.ctx, [followed])).get(followed) if followed is not None else None
        if ended is not None and ended.outcome not in _BROKEN_OFF:
            return ended  # whatever has been asked of the source since
        if known.requested or newest is None or newest.outcome == SyncOutcome.RUNNING:
            return None
        if newest.outcome == SyncOutcome.INTERRUPTED and known.next_run_at is not None:
            return None
        # A run that repeats the one held before it is forgotten in favour of that one.
        return newest if known.phase is not SyncPhase.HELD else await self._result(source, known.held_run_id)

    async def _look(self, source: SourceView) -> tuple[SourceView, SyncRunView | None]:
        known = (await sources_by_id(self.ctx, [source.id])).get(source.id)
        if known is None:
            raise SourceNotFound(f"source {source.name!r} was deleted meanwhile")
        newest = (await page_runs(self.ctx, [source.id], Window(1)))[source.id].items
        return known, newest[0] if newest else None

    async def _result(self, source: SourceView, run_id: int | None) -> SyncRunView:
        known, _ = await self._look(source)
        ids = [number for number in (run_id, known.held_run_id) if number is not None]
        found = await runs_by_id(self.ctx, ids)
        for number in ids:
            if number in found:
                return found[number]
        raise SourceNotFound(f"the run of source {source.name!r} is not on record: the source was changed meanwhile")
