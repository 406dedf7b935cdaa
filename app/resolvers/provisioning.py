"""What happens to a source that a client of the API describes: how it is stored, and how it comes to its content.

Shared by the extension API, which makes a registry and its source together, and by the administration of sources. Owns
no rule about who may change what.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from app.core.database import Session, Tx
from app.core.errors import Invalid, SourceError
from app.core.settings import SourceKind, SourceSettings
from app.models.kinds import CreationType
from app.models.snapshot import Snapshot
from app.models.tables import NO_CLAIMS_ID
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.resolvers.sync import CHANGED, apply_given, choose
from app.sources.adapters import fetch, unsupported
from app.sources.fetching import Fetched, FetchRequest
from app.sources.files import is_inline
from app.store import leases, runs, sources
from app.store.sources import SourceRow

MAX_REASONS = 20
"""Documents of inline data that an answer names."""

Given = tuple[Fetched, Snapshot]
"""Inline data that were read."""


def row_of(source: SourceSettings) -> SourceRow:
    """What is stored of the source: its block as it was given, no secret among it."""
    own = getattr(source, source.kind).model_dump(mode="json", by_alias=True, exclude_unset=True)
    config = {str(source.kind): own} | ({"format": str(source.format)} if source.format else {})
    chosen = source.filter.model_dump(mode="json", by_alias=True, exclude_defaults=True) if source.filter else None
    interval = source.sync_interval.total_seconds() if source.sync_interval and not own.get("data") else None
    removal = source.sync_policy.max_removal_percent
    return SourceRow(source.name, str(source.kind), CreationType.API, config, chosen, interval, NO_CLAIMS_ID, removal)


def check_kind(held: SourceView, row: SourceRow, noun: str) -> None:
    """Raises Invalid where the stored source would become one of another kind, or of another kind of file."""
    if held.kind != row.kind:
        refusal = Invalid(f"changing {noun} type is not allowed: {row.name} is {held.kind}, not {row.kind}")
        raise refusal.at(row.kind)
    if row.kind == SourceKind.FILE:
        before, after = (_place_of(config) for config in (held.config, row.config))
        if before != after:
            told = f"changing file source type is not allowed: {row.name} has file.{before}, not file.{after}"
            raise Invalid(told).at("file", after)


def _place_of(config: Mapping[str, Any]) -> str:
    return next(key for key in ("path", "url", "data") if config["file"].get(key))


async def read_inline(row: SourceRow) -> Given | None:
    """Inline data, read outside any transaction; None for every other source. Raises Invalid.

    One bad document refuses all: whoever sends the data is there to mend them, and no answer lists rejections.
    """
    if not is_inline(row.config):
        return None
    try:
        fetched = await fetch(FetchRequest(row.kind, row.config, trusted=False))
        assert fetched.snapshot is not None  # noqa: S101  # nothing was known of it
        snapshot = await asyncio.to_thread(choose, fetched.snapshot, row.filter)
    except (SourceError, Invalid) as error:
        raise _unusable(str(error)) from error
    if not snapshot.documents:
        count = f"admits none of the {snapshot.fetched} documents" if snapshot.fetched else ""
        raise _unusable(f"the filter {count}" if count else "it holds no servers")
    if snapshot.rejections:
        reasons = [rejection.reason for rejection in snapshot.rejections[:MAX_REASONS]]
        count = f"{len(snapshot.rejections)} of {snapshot.fetched} documents cannot be used"
        raise _unusable(f"{count}: {'; '.join(reasons)}")
    return fetched, snapshot


def _unusable(reason: str) -> Invalid:
    return Invalid(f"Failed to process inline data: {reason}").at("file", "data")


async def fill(ctx: Ctx, tx: Tx, source_id: int, row: SourceRow, given: Given | None) -> None:
    """Apply inline data at once; have anything else fetched by the next run, which is due."""
    if given is None:
        await _plan(ctx, tx.session, source_id, row)
    else:
        await apply_given(ctx, tx, source_id, *given)


async def _plan(ctx: Ctx, session: Session, source_id: int, row: SourceRow) -> None:
    """A run under way has read the old settings, and so does not count."""
    reason = unsupported(row.kind)
    await leases.replan(session, source_id, due=reason is None)  # before the run's row is locked, as a run does
    await runs.end_runs(session, source_id, ctx.clock(), CHANGED)
    if reason is not None and row.kind != SourceKind.MANAGED:
        await sources.set_message(session, row.name, reason)
