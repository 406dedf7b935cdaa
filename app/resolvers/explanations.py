"""Why a registry serves what it serves under a name: which source won, and what keeps the others back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC

from app.auth.viewer import Viewer
from app.core.errors import RegistryNotFound
from app.core.settings import SourceKind
from app.models.explanations import CandidateOutcome, CandidateView, ExplanationView, ShadowView
from app.models.kinds import SyncPhase
from app.models.queries import check_text
from app.models.snapshot import Rejection
from app.models.views import SourceView
from app.resolvers.context import Ctx
from app.sources.filters import compile_filter
from app.store import explanations as store
from app.store import registries, sources
from app.store.explanations import CandidateRow


async def explain_server(ctx: Ctx, name: str, registry: str) -> ExplanationView:
    """What each source of the registry has under that name. Raises RegistryNotFound.

    To a viewer who may not know of an entry, the source looks as if it had none.
    """
    check_text("name", name)
    check_text("registry", registry)
    async with ctx.db.read() as session:
        found = await registries.list_registries(session, [registry])
        if not found:
            raise RegistryNotFound("registry not found")
        rows = await store.list_candidates(session, found[0].id, name, ctx.viewer.visibility)
        by_id = await sources.sources_by_id(session, [row.source_id for row in rows])
    shown = [_conceal(row, by_id[row.source_id], ctx.viewer) for row in rows]
    winner = next((place for place, row in enumerate(shown) if row.wins and row.live), None)
    judge = _Judge(name, shown, by_id, winner)
    return ExplanationView(
        name=name,
        registry=found[0],
        winner=None if winner is None else shown[winner].latest,
        candidates=tuple(judge.candidate(position) for position in range(len(shown))),
    )


async def list_shadows(
    ctx: Ctx, winners: Sequence[tuple[int, int]]
) -> Mapping[tuple[int, int], tuple[ShadowView, ...]]:
    """For winners (the ids of registry and entry) that the viewer was shown, the servers they hide, by position."""
    async with ctx.db.read() as session:
        return await store.shadowed_entries(session, winners, ctx.viewer.visibility)


def _conceal(row: CandidateRow, source: SourceView, viewer: Viewer) -> CandidateRow:
    """The row as far as the viewer may know of it. What was rejected carries the claims of its source."""
    sets = viewer.visibility.claim_sets
    rejections = row.rejections if sets is None or source.claim_set_id in sets else ()
    if not row.hidden:
        return replace(row, rejections=rejections)
    return replace(row, latest=None, live=False, hidden=viewer.knows_hidden, rejections=rejections)


class _Judge:
    """Finds the outcome for each source, and words for it. `winner` is the place of the one that is served."""

    def __init__(
        self, name: str, rows: Sequence[CandidateRow], by_id: Mapping[int, SourceView], winner: int | None
    ) -> None:
        self._name = name
        self._rows = rows
        self._sources = [by_id[row.source_id] for row in rows]
        self._winner = winner

    def candidate(self, position: int) -> CandidateView:
        row = self._rows[position]
        rejections = tuple(Rejection(r.get("name"), r.get("version"), r["reason"]) for r in row.rejections)
        outcome, reason = self._outcome(position, rejections)
        return CandidateView(position, self._sources[position], outcome, reason, row.latest, rejections)

    def _outcome(self, position: int, rejections: Sequence[Rejection]) -> tuple[CandidateOutcome, str]:
        row = self._rows[position]
        if row.latest is None:
            if row.hidden:
                return CandidateOutcome.HIDDEN, "it has this server, but its claims hide it from you"
            return CandidateOutcome.ABSENT, explain_absence(self._name, self._sources[position], rejections)
        if not row.live:
            why = row.latest.status_message
            return CandidateOutcome.DELETED, "every version was deleted" + (f": {why}" if why else "")
        if self._winner is None or position == self._winner:
            return CandidateOutcome.SERVED, self._explain_winner(position)
        winner = self._sources[self._winner].name
        reason = f"shadowed by source {winner} at position {self._winner}, which has a live version"
        return CandidateOutcome.SHADOWED, reason

    def _explain_winner(self, position: int) -> str:
        live = [place for place, row in enumerate(self._rows) if row.latest is not None and row.live]
        if live == [position]:
            return "served: no other source of the registry has a live version"
        return "served: of the sources that have a live version it comes first"


def explain_absence(name: str, source: SourceView, rejections: Sequence[Rejection]) -> str:
    """Why a source has no server of that name, as far as it can be told."""
    filters = source.filter or {}
    if not compile_filter({"names": filters.get("names")}).admits(name, ()):
        return "the source's filter does not admit this name"
    if rejections:
        first, more = rejections[0], len(rejections) - 1
        others = f" (and {more} more)" if more else ""
        return f"the last run rejected version {first.version or 'unknown'}: {first.reason}{others}"
    if source.kind == SourceKind.MANAGED:
        return "nobody has published it there"
    if source.last_success_at is None:
        return f"never synchronised yet{_explain_phase(source)}"
    read = source.last_success_at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    tags = " with tags that its filter admits" if filters.get("tags") else ""
    return f"the source had no server of this name{tags} when it was last read, at {read}{_explain_phase(source)}"


def _explain_phase(source: SourceView) -> str:
    """What keeps the source from being up to date."""
    match source.phase:
        case SyncPhase.SYNCING:
            return "; a run is under way"
        case SyncPhase.FAILED:
            return f"; the last run failed: {source.message}"
        case SyncPhase.HELD:
            return "; the last run is held and waits to be accepted"
    return ""
