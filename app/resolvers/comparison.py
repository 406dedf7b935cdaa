"""What a snapshot would change of what is stored, and whether it would remove too much. Pure functions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from app.models.kinds import Status
from app.models.snapshot import Document, Snapshot
from app.store.snapshots import Difference, Stored, VersionName

MAX_REJECTIONS: Final = 200
"""Reasons kept with a run; the count tells of all."""

MAX_NAMES: Final = 200
"""Names of entries that a held run tells; the count tells of all."""

GUARDED_FROM: Final = 10
"""Live entries from which on a source is guarded by percentage; below, only against losing all."""


@dataclass(frozen=True, slots=True)
class Removal:
    """The entries that a source would lose, by name, and how many live ones it has."""

    names: tuple[str, ...]
    entries: int

    @property
    def digest(self) -> str:
        """Identifies the set of names: whoever accepts it accepts this set, not another one."""
        return hashlib.sha256("\n".join(self.names).encode()).hexdigest()

    def exceeds(self, percent: int) -> bool:
        """Whether the run has to be held; 100 percent switches the guard off."""
        lost = len(self.names)
        if not lost or percent >= 100:
            return False
        return lost == self.entries or (self.entries >= GUARDED_FROM and lost * 100 > percent * self.entries)

    def to_json(self) -> dict[str, Any]:
        return {
            "entries": self.entries,
            "removed": len(self.names),
            "names": list(self.names[:MAX_NAMES]),
            "digest": self.digest,
        }


def compare(stored: Mapping[VersionName, Stored], snapshot: Snapshot) -> Difference:
    """What must be written so that the stored versions become those of the snapshot.

    A version whose document is rejected now is not gone: it stays as it was when it could be used.
    """
    added: list[Document] = []
    updated: list[Document] = []
    restatused: list[Document] = []
    seen: set[VersionName] = set()
    for document in snapshot.documents:
        key = (document.name, document.version)
        seen.add(key)
        known = stored.get(key)
        if known is None:
            added.append(document)
        elif not known.content_hash:  # back from the dead, or its source now tells itself that it was deleted
            (updated if document.status is Status.DELETED else added).append(document)
        elif known.status != document.status:
            restatused.append(document)
        elif known.content_hash != document.content_hash:
            updated.append(document)
    seen |= {(r.name, r.version) for r in snapshot.rejections if r.name is not None and r.version is not None}
    candidates = snapshot.excluded if snapshot.partial else (key for key in stored if key not in seen)
    removed = [(k, stored[k]) for k in candidates if k in stored and stored[k].status is not Status.DELETED]
    return Difference(added, updated, restatused, removed)


def find_removal(stored: Mapping[VersionName, Stored], difference: Difference) -> Removal:
    """The entries of which no live version would be left."""
    before = {name for (name, _), known in stored.items() if known.status is not Status.DELETED}
    gone = {key for key, _ in difference.removed}
    gone |= {(d.name, d.version) for d in difference.restatused if d.status is Status.DELETED}
    touched = {name for name, _ in gone}
    kept = {
        name
        for (name, version), known in stored.items()
        if name in touched and known.status is not Status.DELETED and (name, version) not in gone
    }
    arrived = (*difference.added, *difference.restatused)
    kept |= {d.name for d in arrived if d.status is not Status.DELETED}
    return Removal(tuple(sorted(touched - kept)), len(before))


def summarise(difference: Difference, snapshot: Snapshot) -> str:
    if not difference and not snapshot.rejections:
        return "nothing changed"
    counts = count(difference, snapshot)
    return ", ".join(f"{counts[name]} {name}" for name in ("added", "updated", "removed", "rejected"))


def count(difference: Difference, snapshot: Snapshot) -> dict[str, Any]:
    """The columns of a run that tell what it found."""
    return {
        "fetched": snapshot.fetched,
        "added": len(difference.added),
        "updated": len(difference.updated) + len(difference.restatused),
        "removed": len(difference.removed),
        "rejected": len(snapshot.rejections),
        "rejections": [asdict(rejection) for rejection in snapshot.rejections[:MAX_REJECTIONS]],
    }
