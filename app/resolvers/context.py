"""What every resolver gets: a database factory (never a session), the settings, the viewer, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from app.auth.viewer import ANONYMOUS, Viewer
from app.core.database import Database
from app.models.documents import PublishPolicy


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Ctx:
    db: Database
    viewer: Viewer = ANONYMOUS
    clock: Callable[[], datetime] = now
    policy: PublishPolicy = field(default_factory=PublishPolicy)
