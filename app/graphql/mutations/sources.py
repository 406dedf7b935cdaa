"""Creating, changing and deleting sources."""

from __future__ import annotations

import strawberry


@strawberry.type
class SourceMutations:
    pass
