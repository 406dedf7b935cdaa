"""Writing servers by hand: publish, edit, delete, change the status. Every rule about it, whoever calls.

All of it happens in one managed source: that of the registry named, or without a name the only one there is. Each
function is one transaction in which no other writer changes the catalogue, so what it checked still holds when it
writes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson

from app.core.database import Session
from app.core.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    InvalidDocument,
    NotFound,
    NotManaged,
    RegistryNeeded,
    RegistryNotFound,
    Unsupported,
)
from app.core.settings import SourceKind
from app.models.documents import Severity
from app.models.kinds import Status, registry_type
from app.models.queries import check_text
from app.models.snapshot import Document
from app.models.tables import AGGREGATE_ID
from app.models.views import VersionView
from app.resolvers.context import Ctx
from app.sources.published import Report, read_published
from app.store import entries as store
from app.store import registries, servers, sources
from app.store.entries import StoredVersion
from app.store.journal import take_turn
from app.store.snapshots import Difference, StatusChange, Target, apply_difference, set_statuses

MAX_VERSIONS = 10_000
"""Versions of one name, deleted ones included."""

MAX_STATUS_MESSAGE = 500

MAX_PATHS = 20
"""Registries that an answer names to choose from."""


@dataclass(frozen=True, slots=True)
class Restatus:
    """What a version is to be from now on. `message` is for who reads it, None for none; active versions have none."""

    status: Status
    message: str | None = None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """Where something is published: the managed source, and the registry it is seen through."""

    session: Session
    registry_id: int
    target: Target


async def validate(ctx: Ctx, document: Mapping[str, Any]) -> Report:
    """What publishing would say of the document itself; reads and writes nothing."""
    return await asyncio.to_thread(read_published, document, ctx.policy)


async def publish(ctx: Ctx, registry: str | None, document: Mapping[str, Any]) -> VersionView:
    """A new version. Raises InvalidDocument, AlreadyExists with what is there where it is the very same document,
    Conflict (version or remote URL taken, too many versions), and what `_open_shelf` raises.
    """
    await _check_choice(ctx, registry)
    checked = await _check_document(ctx, document)
    async with _open_shelf(ctx, registry) as shelf:
        held = await store.stored_entry(shelf.session, shelf.target, checked.name)
        if checked.version in held:
            raise await _judge_existing(shelf, checked, held[checked.version])
        if len(held) >= MAX_VERSIONS:
            refusal = Conflict(f"{checked.name} has {MAX_VERSIONS} versions, the most a server may have")
            raise refusal.at("document", "name")
        return await _write(ctx, shelf, Difference([checked], [], [], []))


async def edit(ctx: Ctx, registry: str | None, name: str, version: str, document: Mapping[str, Any]) -> VersionView:
    """The version with another document of the same name and version; its status and times of publication stay."""
    _check_texts(name=name, version=version)
    await _check_choice(ctx, registry)
    if isinstance(document.get("name"), str) and document["name"] != name:
        refusal = Invalid(f"Cannot rename server: it is {name}, the document says {document['name']}")
        raise refusal.at("document", "name")
    if isinstance(document.get("version"), str) and document["version"] != version:
        refusal = Invalid(f"Cannot change the version: it is {version}, the document says {document['version']}")
        raise refusal.at("document", "version")
    checked = await _check_document(ctx, document)
    async with _open_shelf(ctx, registry) as shelf:
        held = (await store.stored_entry(shelf.session, shelf.target, name)).get(version)
        if held is None:
            raise _absent(name, version)
        if held.status is Status.DELETED:
            raise NotFound(f"{name}@{version} is deleted; make it active again before it is edited").at("version")
        standing = replace(checked, status=held.status, status_message=held.status_message)
        if standing.content_hash == held.content_hash:
            return await _read_back(shelf, name, version)
        return await _write(ctx, shelf, Difference([], [standing], [], []))


async def delete_version(ctx: Ctx, registry: str | None, name: str, version: str) -> VersionView:
    """Marks the version deleted: it is hidden from then on, and its version string stays taken."""
    _check_texts(name=name, version=version)
    async with _open_shelf(ctx, registry) as shelf:
        held = (await store.stored_entry(shelf.session, shelf.target, name)).get(version)
        if held is None or held.status is Status.DELETED:
            raise _absent(name, version)
        await _restatus(ctx, shelf, name, {version: held}, Restatus(Status.DELETED))
        return await _read_back(shelf, name, version)


async def set_status(ctx: Ctx, registry: str | None, name: str, version: str, wanted: Restatus) -> VersionView:
    """Raises Invalid where nothing would change, NotFound, Conflict (a remote URL was taken meanwhile)."""
    _check_texts(name=name, version=version)
    _check_wanted(wanted)
    async with _open_shelf(ctx, registry) as shelf:
        held = (await store.stored_entry(shelf.session, shelf.target, name)).get(version)
        if held is None:
            raise _absent(name, version)
        await _restatus(ctx, shelf, name, {version: held}, wanted)
        return await _read_back(shelf, name, version)


async def set_all_statuses(ctx: Ctx, registry: str | None, name: str, wanted: Restatus) -> tuple[VersionView, ...]:
    """Every version at once, or none; returns those that changed. Raises as `set_status`."""
    _check_texts(name=name)
    _check_wanted(wanted)
    async with _open_shelf(ctx, registry) as shelf:
        held = await store.stored_entry(shelf.session, shelf.target, name)
        if not held:
            raise NotFound(f"server not found: {name}").at("name")
        changed = await _restatus(ctx, shelf, name, held, wanted)
        return await servers.get_source_versions(
            shelf.session, shelf.registry_id, shelf.target.source_id, name, changed
        )


async def _check_choice(ctx: Ctx, registry: str | None) -> None:
    """Who may not publish here at all is told so before the document is looked at."""
    if registry is None:
        async with ctx.db.read() as session:
            await _only_target(session)


@asynccontextmanager
async def _open_shelf(ctx: Ctx, registry: str | None) -> AsyncIterator[_Shelf]:
    """The transaction to write in. Raises RegistryNotFound; NotManaged where the registry has no managed source;
    Unsupported where none was named and there is none to choose, RegistryNeeded where there are several.
    """
    _check_texts(registry=registry or "")
    async with ctx.db.write_in_turn() as tx:
        await take_turn(tx.session)
        if registry is None:
            yield _Shelf(tx.session, AGGREGATE_ID, await _only_target(tx.session))
            return
        registry_id = await registries.registry_id(tx.session, registry)
        if registry_id is None:
            raise RegistryNotFound(f"registry not found: {registry}").at("registry")
        yield _Shelf(tx.session, registry_id, await _target_of(tx.session, registry_id, registry))


async def _target_of(session: Session, registry_id: int, name: str) -> Target:
    """Of several managed sources the first: what is published there goes before the others."""
    held = await sources.sources_of(session, registry_id)
    for source in held:
        if source.kind == SourceKind.MANAGED:
            return Target(source.id, source.claim_set_id)
    word = registry_type(source.kind for source in held)
    raise NotManaged(f"registry is not managed: registry {name} has type {word}").at("registry")


async def _only_target(session: Session) -> Target:
    held = [s for s in await sources.sources_of(session, AGGREGATE_ID) if s.kind == SourceKind.MANAGED]
    if len(held) == 1:
        return Target(held[0].id, held[0].claim_set_id)
    if not held:
        raise Unsupported("this server has no managed registry to publish to; configure a source with managed: {}")
    ids = {source.id for source in held}
    listing = [view.name for view in await registries.list_registries(session) if ids & set(view.source_ids)]
    del listing[MAX_PATHS:]
    paths = ", ".join(f"/registry/{name}/v0.1/publish" for name in listing)
    refusal = RegistryNeeded(f"this server has several managed registries; publish to one of {paths}", listing)
    raise refusal.at("registry")


async def _check_document(ctx: Ctx, document: Mapping[str, Any]) -> Document:
    report = await validate(ctx, document)
    if report.document is None:
        errors = [issue for issue in report.issues if issue.severity is Severity.ERROR]
        told = "; ".join(f"{e.path}: {e.message}" if e.path else e.message for e in errors[:20])
        more = f"; and {len(errors) - 20} more" if len(errors) > 20 else ""
        raise InvalidDocument(f"Invalid request body: {told}{more}", report.issues)
    return report.document


async def _judge_existing(shelf: _Shelf, document: Document, held: StoredVersion) -> Conflict:
    """Who publishes the very same document again, maybe because the first answer was lost, is shown what is there."""
    view = await _read_back(shelf, document.name, document.version)
    told = f"version already exists: {document.name}@{document.version}"
    same = held.status is not Status.DELETED and view.document == document.text
    return (AlreadyExists(told, view) if same else Conflict(told)).at("document", "version")


async def _write(ctx: Ctx, shelf: _Shelf, difference: Difference) -> VersionView:
    document = (*difference.added, *difference.updated)[0]
    digests = {store.digest_url(url): url for url in _remote_urls(document)}
    taken = await store.remotes_taken(shelf.session, shelf.target, document.name, list(digests))
    if taken:
        told = ", ".join(f"{digests[digest]} by {owner}" for digest, owner in taken.items())
        raise Conflict(f"another server has the same remote URL: {told}").at("document", "remotes")
    await apply_difference(shelf.session, shelf.target, difference, ctx.clock())
    view = await _read_back(shelf, document.name, document.version)
    await store.save_remotes(shelf.session, view.version_id, digests)
    return view


def _remote_urls(document: Document) -> list[str]:
    remotes: Sequence[Mapping[str, Any]] = orjson.loads(document.text).get("remotes", ())
    return [remote["url"] for remote in remotes]


async def _restatus(
    ctx: Ctx, shelf: _Shelf, name: str, held: Mapping[str, StoredVersion], wanted: Restatus
) -> list[str]:
    """Change those that are not yet as wanted; returns their versions."""
    changed = {v: s for v, s in held.items() if (s.status, s.status_message) != (wanted.status, wanted.message)}
    if not changed:
        raise Invalid(f"No changes to apply: status is already {wanted.status.wire}").at("status")
    returning = [s.version_id for s in changed.values() if s.status is Status.DELETED]
    if returning and wanted.status is not Status.DELETED:
        digests = await store.stored_remotes(shelf.session, returning)
        owners = await store.remotes_taken(shelf.session, shelf.target, name, digests)
        if owners:
            used_by = ", ".join(sorted(set(owners.values())))
            raise Conflict(f"a remote URL of {name} is used by {used_by} meanwhile").at("status")
    change = StatusChange(
        [s.version_id for s in changed.values()], [(name, v) for v in changed], wanted.status, wanted.message
    )
    await set_statuses(shelf.session, shelf.target, change, ctx.clock())
    return list(changed)


def _check_texts(**texts: str) -> None:
    """Raises Invalid that tells which of the texts is none to the database."""
    for where, value in texts.items():
        try:
            check_text(where, value)
        except Invalid as refusal:
            raise refusal.at(where) from None


def _check_wanted(wanted: Restatus) -> None:
    message = wanted.message or ""
    _check_texts(statusMessage=message)
    if message and wanted.status is Status.ACTIVE:
        refusal = Invalid("statusMessage cannot be given with status active: an active version has none")
        raise refusal.at("statusMessage")
    if len(message) > MAX_STATUS_MESSAGE:
        refusal = Invalid(f"statusMessage has {len(message)} characters; {MAX_STATUS_MESSAGE} at most")
        raise refusal.at("statusMessage")


async def _read_back(shelf: _Shelf, name: str, version: str) -> VersionView:
    found = await servers.get_source_versions(shelf.session, shelf.registry_id, shelf.target.source_id, name, [version])
    return found[0]


def _absent(name: str, version: str) -> NotFound:
    return NotFound(f"server not found: {name}@{version}").at("version")
