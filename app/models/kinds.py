"""The closed vocabularies of the catalogue: what an entry is, how a version stands, who owns a source."""

from __future__ import annotations

from enum import IntEnum, StrEnum


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


class SyncPhase(StrEnum):
    """Where the synchronisation of a source stands. IDLE: nothing is ever fetched for it."""

    IDLE = "IDLE"
    PENDING = "PENDING"
    SYNCING = "SYNCING"
    COMPLETE = "COMPLETE"
    FAILED = "FAILED"


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
