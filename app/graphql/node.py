"""Global object identification: the Node interface and the ids of its types.

Not Strawberry's relay module: a bad id there is an error without a code, and one Query class cannot serve two schemas.
"""

from __future__ import annotations

from typing import Any

import strawberry

from app.core.errors import Invalid
from app.core.opaque import decode_opaque, encode_opaque


@strawberry.interface(description="An object with an id that is the same in every answer.")
class Node:
    id: strawberry.ID = strawberry.field(description="Identifies the object among all objects. Opaque.")


def node_id(type_name: str, *key: Any) -> strawberry.ID:
    return strawberry.ID(encode_opaque([type_name, *key]))


def parse_node_id(text: str) -> tuple[str, list[Any]]:
    """Type name and key. Raises Invalid for an id this server did not make."""
    match decode_opaque(text, "id"):
        case [str(type_name), *key]:
            return type_name, key
    raise Invalid("Invalid id: use the id of a previous answer, unchanged")
