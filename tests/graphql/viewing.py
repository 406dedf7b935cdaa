"""A version's view, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from app.models.kinds import Status
from app.models.views import VersionView

AT = datetime(2026, 1, 1, tzinfo=UTC)


def view(name: str, **more: Any) -> VersionView:
    plain: dict[str, Any] = {
        "entry_id": 1,
        "version_id": 1,
        "source_id": 1,
        "registry_id": 0,
        "version": "1.0.0",
        "is_latest": True,
        "status": Status.ACTIVE,
        "status_message": None,
        "status_changed_at": AT,
        "published_at": AT,
        "updated_at": AT,
        "title": None,
        "description": "",
        "tier": None,
        "tags": [],
        "tools": [],
        "registry_types": [],
        "transports": [],
        "document": "{}",
    }
    return VersionView(name=name, **{**plain, **more})
