"""Who is asking. Until identities are built every viewer is anonymous, and anonymous mode hides nothing."""

from __future__ import annotations

from dataclasses import dataclass

from app.models.queries import Visibility


@dataclass(frozen=True, slots=True)
class Viewer:
    visibility: Visibility


ANONYMOUS = Viewer(Visibility(claim_sets=None))
