"""Publishing servers by hand, changing their status, deleting them."""

from __future__ import annotations

import strawberry


@strawberry.type
class EntryMutations:
    pass
