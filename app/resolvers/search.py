"""Ranked search: a page of what is found, or of what is found instead when nothing is; and the facets of a list.

When nothing is found as written, words that nobody uses are replaced by the nearest that somebody does, and in the end
any of the words will do. What a page is of stands in its items' keys, so that the next page is of the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.core.database import Session
from app.core.errors import Invalid
from app.models.queries import Key, ListServers, Window, check_query, check_text
from app.models.searches import Search
from app.models.spelling import choose, edits
from app.models.views import Page, VersionView
from app.resolvers.context import Ctx
from app.resolvers.scopes import find_scope
from app.store import servers as store
from app.store.facets import MAX_VALUES as MAX_FACET_VALUES
from app.store.facets import Counts
from app.store.facets import count_facets as count_stored_facets
from app.store.ranking import RANK_UNIT
from app.store.servers import Scope
from app.store.vocabulary import find_alike, find_known

__all__ = ["MAX_FACET_VALUES", "Counts", "Found", "count_facets", "search_servers", "to_rank"]

MAX_CORRECTED = 8
"""Words of a search that are corrected, and letters the shortest of them has."""

_MIN_LETTERS = 3


@dataclass(frozen=True, slots=True)
class Found:
    """A page; the query it is a page of; what was searched for instead of what was asked, if anything."""

    page: Page[VersionView]
    query: ListServers
    correction: str | None = None


def to_rank(score: int) -> float:
    """A score as it is shown."""
    return score / RANK_UNIT


async def search_servers(ctx: Ctx, query: ListServers) -> Found:
    """Raises RegistryNotFound, Invalid. A query without a ranked search is a list as any other."""
    check_query(query)
    async with ctx.db.read() as session:
        scope = await find_scope(ctx, session, query.registry)
        if query.ranked is None:
            return Found(await store.list_versions(session, scope, query), query)
        asked, correction = _resume(query, query.ranked)
        found = await _list(session, scope, asked, correction)
        if found.page.items or asked.window.after or asked.window.before:
            return found
        return await _search_instead(session, scope, asked, query.ranked) or found


async def count_facets(ctx: Ctx, query: ListServers) -> Counts:
    """Of everything the query finds, whatever its window. Raises RegistryNotFound, Invalid."""
    check_query(query)
    async with ctx.db.read() as session:
        return await count_stored_facets(session, await find_scope(ctx, session, query.registry), query)


async def _list(session: Session, scope: Scope, query: ListServers, correction: str | None) -> Found:
    page = await store.list_versions(session, scope, query)
    items = tuple(replace(item, key=(*item.key, correction or "")) for item in page.items)
    return Found(replace(page, items=items), query, correction)


async def _search_instead(session: Session, scope: Scope, query: ListServers, search: Search) -> Found | None:
    """What is found of the nearest words, or of any of them."""
    corrected = await _correct(session, scope, search)
    tried = [corrected] if corrected else []
    if search.can_relax:
        tried.append((corrected or search).relaxed())
    for instead in tried:
        found = await _list(session, scope, replace(query, ranked=instead), instead.told)
        if found.page.items:
            return found
    return None


async def _correct(session: Session, scope: Scope, search: Search) -> Search | None:
    """The search with its unknown words replaced; None if all are known, or nothing is near."""
    words = [word for word in search.needed if len(word) >= _MIN_LETTERS and not word.isdigit()][:MAX_CORRECTED]
    if not words:
        return None
    known = await find_known(session, scope, words)
    unknown = [word for word in words if word not in known]
    if not unknown:
        return None
    alike = await find_alike(session, scope, unknown, {near for word in unknown for near in edits(word)})
    chosen = {word: near for word in unknown if (near := choose(word, alike))}
    if not chosen:
        return None
    # As the cursors will say it: the next page must be ranked as the first one.
    return Search.instead(Search(" ".join(chosen.get(word, word) for word in search.words)).told)


def _resume(query: ListServers, search: Search) -> tuple[ListServers, str | None]:
    """The query as its cursors go on: their last part tells what was searched for instead."""
    after, before = _split(query.window.after), _split(query.window.before)
    told = {place[1] for place in (after, before) if place is not None}
    if len(told) > 1:
        raise Invalid("Invalid after and before: they are cursors of different lists")
    window: Window = replace(query.window, after=after and after[0], before=before and before[0])
    correction = next(iter(told), "")
    check_text("cursor", correction)
    ranked = Search.instead(correction) if correction else search
    return replace(query, window=window, ranked=ranked), correction or None


def _split(place: Key | None) -> tuple[Key, str] | None:
    if place is None:
        return None
    match place:
        case (*key, str(told)) if key:
            return tuple(key), told
    raise Invalid("Invalid cursor parameter: it belongs to another kind of list")
