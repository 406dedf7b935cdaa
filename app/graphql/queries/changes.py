"""Reading the journal of changes."""

from __future__ import annotations

import strawberry


@strawberry.type
class ChangeQueries:
    pass
