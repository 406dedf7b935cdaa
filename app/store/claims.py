"""Interned claim sets: equal sets share one id, whatever carries them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession


async def intern_claims(session: AsyncSession, claims: Mapping[str, Any]) -> int:
    """The id of the claim set equal to `claims`; the order of keys and of list values makes no difference."""
    canonical = {k: sorted(set(v)) if isinstance(v, list | tuple) else v for k, v in claims.items()}
    found = await session.scalar(
        text(
            "with given as (select cast(:claims as jsonb) claims),"
            " added as (insert into claim_set (claims) select claims from given"
            "   where not exists (select 1 from claim_set join given using (claims))"
            "   on conflict (claims) do nothing returning id)"
            " select id from added union all select id from claim_set join given using (claims) limit 1"
        ),
        {"claims": json.dumps(canonical)},
    )
    if found is None:  # another transaction interned the same set a moment ago; its row is visible now
        found = await session.scalar(
            text("select id from claim_set where claims = cast(:claims as jsonb)"), {"claims": json.dumps(canonical)}
        )
    return int(found or 0)
