"""Creating, changing and deleting registries."""

from __future__ import annotations

import strawberry


@strawberry.type
class RegistryMutations:
    pass
