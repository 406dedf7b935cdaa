"""Sources as objects of their own: made, changed and deleted by clients of the API, whichever registries list them.

Owns the rules about who may change what. Each change is one transaction in which no other writer changes the catalogue;
what is fetched is fetched later, by the next run, but inline data are applied at once or not at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.core.database import Session
from app.core.errors import AlreadyExists, ConfigOwned, Conflict, InUse, Invalid, SourceNotFound
from app.core.settings import SourceKind, format_duration, read_own_source
from app.models.kinds import CreationType
from app.models.queries import check_text
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.resolvers.provisioning import check_kind, fill, read_inline, row_of
from app.resolvers.sync_requests import hand_over
from app.store import registries, sources
from app.store.journal import begin_change, record_removal, take_turn
from app.store.listings import relist_sources
from app.store.sources import SourceRow

MAX_SHOWN = 20
"""Registries that an answer names."""

_KINDS = tuple(kind.value for kind in SourceKind)

Body = Mapping[str, Any]
"""A source in the words of the configuration file, as `read_own_source` takes it."""


async def create_source(ctx: Ctx, name: str, body: Body) -> SourceView:
    """A source that no registry lists yet. One that is fetched is due at once.

    Raises Refusals (all problems at once), Invalid (inline data), AlreadyExists, Conflict where it would be a second
    managed one. Then nothing is stored.
    """
    row = row_of(await asyncio.to_thread(read_own_source, name, body, new=True))  # filters may be long
    async with ctx.db.read() as session:
        await _check_free(session, row)  # who may not write need not wait for the turn, nor have his data read
    given = await read_inline(row)
    async with ctx.db.write_in_turn() as tx:
        await take_turn(tx.session)
        await _check_free(tx.session, row)
        source_id = (await sources.save_source(tx.session, row)).id
        await begin_change(tx.session, ctx.clock())
        await fill(ctx, tx, source_id, row, given)
        view = (await sources.sources_by_id(tx.session, [source_id]))[source_id]
    await hand_over(ctx, source_id)
    return view


async def update_source(ctx: Ctx, name: str, changes: Body) -> SourceView:
    """The source with other settings. What `changes` has replaces what there was, null takes it away (but not what the
    source is), and what it lacks stays; of `syncPolicy` each value by itself. One that is fetched is due at once.

    Raises what `create_source` does, SourceNotFound, ConfigOwned, and Conflict where it was changed meanwhile.
    """
    async with ctx.db.read() as session:
        before = await _find_own(session, name)
    row = await asyncio.to_thread(_changed, before, changes)
    given = await read_inline(row)
    async with ctx.db.write_in_turn() as tx:
        await take_turn(tx.session)
        held = await _find_own(tx.session, name)
        if _body_of(held) != _body_of(before) and await asyncio.to_thread(_changed, held, changes) != row:
            raise Conflict(f"source {name} was changed meanwhile; look at it again").at("name")
        if (await sources.save_source(tx.session, replace(row, claim_set_id=held.claim_set_id))).changed:
            await begin_change(tx.session, ctx.clock())
        await fill(ctx, tx, held.id, row, given)
        view = (await sources.sources_by_id(tx.session, [held.id]))[held.id]
    await hand_over(ctx, view.id)
    return view


async def delete_source(ctx: Ctx, name: str) -> SourceView:
    """Delete the source with all that it holds; returns it as it was.

    Raises SourceNotFound, ConfigOwned, InUse where a registry lists it.
    """
    async with ctx.db.write_in_turn() as tx:
        session = tx.session
        await take_turn(session)
        held = await _find_own(session, name)
        await _check_unused(session, held)
        turn = await begin_change(session, ctx.clock())
        await record_removal(session, [held.id], turn)
        await relist_sources(session, [held.id], turn.at)
        await sources.delete_sources(session, [held.id])
    return held


async def _check_free(session: Session, row: SourceRow) -> None:
    if await sources.list_sources(session, [row.name]):
        raise AlreadyExists(f"there is a source {row.name} already").at("name")
    if row.kind == SourceKind.MANAGED:
        managed = [view.name for view in await sources.list_sources(session) if view.kind == SourceKind.MANAGED]
        if managed:
            raise Conflict(f"at most one managed source is allowed, and {managed[0]} is one").at("managed")


async def _find_own(session: Session, name: str) -> SourceView:
    try:
        check_text("name", name)
    except Invalid as refusal:
        raise refusal.at("name") from None
    found = await sources.list_sources(session, [name])
    if not found:
        raise SourceNotFound(f"Source {name} not found").at("name")
    if found[0].creation_type == CreationType.CONFIG:
        raise ConfigOwned(f"source {name} belongs to the configuration file; change it there").at("name")
    return found[0]


def _changed(held: SourceView, changes: Body) -> SourceRow:
    """What is stored of the source from now on."""
    others = [kind for kind in _KINDS if changes.get(kind) is not None and kind != held.kind]
    if others:
        told = f"changing source type is not allowed: {held.name} is {held.kind}, not {others[0]}"
        raise Invalid(told).at(others[0])
    given = {key: value for key, value in changes.items() if value is not None or key not in _KINDS}
    body = _body_of(held)
    policy = {**body["syncPolicy"], **(changes.get("syncPolicy") or {})}
    row = row_of(read_own_source(held.name, {**body, **given, "syncPolicy": policy}, new=False))
    check_kind(held, row, "source")
    return row


def _body_of(held: SourceView) -> dict[str, Any]:
    seconds = held.interval_seconds
    interval = None if seconds is None else format_duration(timedelta(seconds=seconds))
    policy = {"interval": interval, "maxRemovalPercent": held.max_removal_percent}
    return {**held.config, "filter": held.filter, "syncPolicy": policy}


async def _check_unused(session: Session, held: SourceView) -> None:
    users = await registries.registries_by_id(session, held.registry_ids)
    if users:
        names = sorted(view.name for view in users.values())
        more = f" and {len(names) - MAX_SHOWN} more" if len(names) > MAX_SHOWN else ""
        word = "registry" if len(names) == 1 else "registries"
        raise InUse(f"source {held.name} is listed by {word} {', '.join(names[:MAX_SHOWN])}{more}").at("name")
