"""The pages of a full pass, kept so that a pass which broke off goes on where it was.

A page is kept as it came, with the pass it belongs to and its times in front.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from app.core.errors import SourceError
from app.sources.fetching import FetchRequest, StagedPage
from app.sources.upstream.items import parse_time
from app.sources.upstream.pages import Page, read_page

MAX_AGE: Final = timedelta(hours=1)

_QUICK: Final = 1


@dataclass(frozen=True, slots=True)
class Pass:
    """One full pass: when it began by our clock and by the upstream's, and an id that tells it from others."""

    begun: datetime
    upstream_begun: datetime
    id: str = field(default_factory=lambda: secrets.token_hex(8))


def name_pass(servers: str, parameters: Mapping[str, str]) -> str:
    """The key of what is fetched."""
    digest = hashlib.sha256(orjson.dumps([servers, sorted(parameters.items())])).hexdigest()
    return f"{servers[:200]} {'full' if parameters else 'plain'} {digest[:32]}"


async def keep_page(request: FetchRequest, key: str, this: Pass, page: Page, body: bytes) -> None:
    packed = await asyncio.to_thread(_pack, this, body)
    await request.stage.save(key, StagedPage(page.number, packed, page.cursor))


async def load_pages(request: FetchRequest, key: str, now: datetime) -> AsyncIterator[tuple[Pass, Page]]:
    """The pages of one pass that are young enough, from the first on and without a gap.

    The stage is read to its end all the same: what it holds open is closed then.
    """
    expected, id = 0, ""
    async for staged in request.stage.load(key):
        kept = await asyncio.to_thread(_unpack, staged) if staged.number == expected else None
        if kept is None or not _is_young(kept[0], now) or kept[0].id != (id or kept[0].id):
            expected = -1  # the rest is of no use, or left over from a pass before this one
            continue
        expected, id = expected + 1, kept[0].id
        yield kept


def _is_young(this: Pass, now: datetime) -> bool:
    return timedelta(0) <= now - this.begun <= MAX_AGE


def _pack(this: Pass, body: bytes) -> bytes:
    head = {"id": this.id, "begun": this.begun.isoformat(), "upstreamBegun": this.upstream_begun.isoformat()}
    return zlib.compress(orjson.dumps(head) + b"\n" + body, _QUICK)


def _unpack(staged: StagedPage) -> tuple[Pass, Page] | None:
    """None for what cannot be read: it is fetched again."""
    try:
        head, _, body = zlib.decompress(staged.body).partition(b"\n")
        this = _read_pass(orjson.loads(head))
        page = read_page(body, staged.number)
    except (zlib.error, orjson.JSONDecodeError, SourceError):
        return None
    return None if this is None or page.cursor != staged.cursor else (this, page)


def _read_pass(head: Any) -> Pass | None:
    begun, upstream_begun = parse_time(head.get("begun")), parse_time(head.get("upstreamBegun"))
    return None if begun is None or upstream_begun is None else Pass(begun, upstream_begun, str(head.get("id")))
