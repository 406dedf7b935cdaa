"""Who is asking, and what they may do. Until identities are built every viewer is anonymous, and anonymous mode hides
nothing and forbids nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.models.queries import Visibility


class Role(StrEnum):
    """What the configuration lets an identity administer. Roles are told in this order."""

    SUPER_ADMIN = "superAdmin"
    MANAGE_SOURCES = "manageSources"
    MANAGE_REGISTRIES = "manageRegistries"
    MANAGE_ENTRIES = "manageEntries"


class Permission(StrEnum):
    """What a viewer may do. Permissions are told in this order."""

    READ = "READ"
    PUBLISH = "PUBLISH"
    MANAGE_SOURCES = "MANAGE_SOURCES"
    MANAGE_REGISTRIES = "MANAGE_REGISTRIES"
    SYNCHRONISE = "SYNCHRONISE"


@dataclass(frozen=True, slots=True)
class Viewer:
    """`subject` is None for anonymous ones. `knows_hidden`: whether they may learn that an entry exists which its
    claims hide from them."""

    visibility: Visibility
    subject: str | None = None
    roles: frozenset[Role] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=dict)
    permissions: frozenset[Permission] = frozenset()
    knows_hidden: bool = False

    @property
    def is_anonymous(self) -> bool:
        return self.subject is None


ANONYMOUS = Viewer(Visibility(claim_sets=None), permissions=frozenset(Permission))
