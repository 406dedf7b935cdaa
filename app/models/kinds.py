"""The closed vocabularies of the catalogue: what an entry is, how a version stands, who owns a source."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum, StrEnum

from app.core.settings import SourceKind


class Kind(IntEnum):
    """What an entry is. Stored as a small integer: it leads several indexes."""

    SERVER = 1


class Status(IntEnum):
    """How a version stands; stored as a small integer, written on the wire in lower case."""

    ACTIVE = 0
    DEPRECATED = 1
    DELETED = 2

    @property
    def wire(self) -> str:
        """`active`, `deprecated` or `deleted`, as the MCP Registry API spells it."""
        return self.name.lower()


class CreationType(StrEnum):
    """Who owns a source or registry: the configuration file or the API."""

    CONFIG = "CONFIG"
    API = "API"


class RegistryType(StrEnum):
    """What kind of registry the v0.4.9 API calls a source's registry."""

    MANAGED = "MANAGED"
    FILE = "FILE"
    REMOTE = "REMOTE"
    KUBERNETES = "KUBERNETES"


class SyncPhase(StrEnum):
    """Where the synchronisation of a source stands. IDLE: nothing is ever fetched for it. HELD: what was fetched would
    remove too much, and waits for an operator.
    """

    IDLE = "IDLE"
    PENDING = "PENDING"
    SYNCING = "SYNCING"
    COMPLETE = "COMPLETE"
    HELD = "HELD"
    FAILED = "FAILED"


class SyncStage(StrEnum):
    """What a run under way is doing."""

    FETCHING = "FETCHING"
    READING = "READING"
    APPLYING = "APPLYING"


class SyncOutcome(StrEnum):
    """How a sync run ended. HELD: it would have removed too much, and waits for an operator."""

    RUNNING = "RUNNING"
    APPLIED = "APPLIED"
    UNCHANGED = "UNCHANGED"
    HELD = "HELD"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


class SyncTrigger(StrEnum):
    """Why a sync run was started."""

    START = "START"
    SCHEDULE = "SCHEDULE"
    MANUAL = "MANUAL"


_TYPES = {
    SourceKind.MANAGED: RegistryType.MANAGED,
    SourceKind.FILE: RegistryType.FILE,
    SourceKind.GIT: RegistryType.REMOTE,
    SourceKind.API: RegistryType.REMOTE,
    SourceKind.KUBERNETES: RegistryType.KUBERNETES,
}


def registry_type(kinds: Iterable[str]) -> RegistryType:
    """The type of a registry with sources of these kinds, in order: MANAGED if one of them is, else the first's."""
    types = [_TYPES[SourceKind(kind)] for kind in kinds]
    return RegistryType.MANAGED if RegistryType.MANAGED in types or not types else types[0]
