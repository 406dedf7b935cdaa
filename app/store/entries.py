"""What publishing needs to know of a source: its entries' versions and the remote URLs they use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.models.kinds import Status
from app.store.snapshots import Target


@dataclass(frozen=True, slots=True)
class StoredVersion:
    version_id: int
    status: Status
    status_message: str | None
    published_at: datetime
    content_hash: bytes


async def stored_entry(session: AsyncSession, target: Target, name: str) -> dict[str, StoredVersion]:
    """Every version of a name in the source, deleted ones too, by version."""
    found = await session.execute(
        text(
            "select v.version, v.id, v.status, v.status_message, v.published_at, v.content_hash"
            " from entry e join entry_version v on v.entry_id = e.id"
            " where e.source_id = :source and e.kind = :kind and e.name = :name"
        ),
        {"source": target.source_id, "kind": target.kind, "name": name},
    )
    return {
        row.version: StoredVersion(row.id, Status(row.status), row.status_message, row.published_at, row.content_hash)
        for row in found
    }


def digest_url(url: str) -> bytes:
    return hashlib.sha256(url.encode()).digest()


async def remotes_taken(
    session: AsyncSession, target: Target, name: str, digests: Sequence[bytes]
) -> Mapping[bytes, str]:
    """Which of the remote URLs a live version of another server of the source uses, with that server's name."""
    found = await session.execute(
        text(
            "select r.digest, min(e.name) owner from published_remote r join entry_version v on v.id = r.version_id"
            " join entry e on e.id = v.entry_id"
            " where r.digest = any(cast(:digests as bytea[])) and v.status <> 2"
            "   and e.source_id = :source and e.kind = :kind and e.name <> :name group by r.digest"
        ),
        {"digests": list(digests), "source": target.source_id, "kind": target.kind, "name": name},
    )
    return {row.digest: row.owner for row in found}


async def stored_remotes(session: AsyncSession, version_ids: Sequence[int]) -> list[bytes]:
    found = await session.execute(
        text("select distinct digest from published_remote where version_id = any(cast(:ids as int[]))"),
        {"ids": list(version_ids)},
    )
    return list(found.scalars())


async def save_remotes(session: AsyncSession, version_id: int, digests: Iterable[bytes]) -> None:
    """Make these the remote URLs of a version."""
    await session.execute(text("delete from published_remote where version_id = :id"), {"id": version_id})
    await session.execute(
        text(
            "insert into published_remote (version_id, digest) select :id, digest"
            " from unnest(cast(:digests as bytea[])) given (digest)"
        ),
        {"id": version_id, "digests": sorted(set(digests))},
    )
