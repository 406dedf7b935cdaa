"""What the pages of a pass brought: each version once, and why others cannot be served."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

from app.core.settings import SourceFormat
from app.models.snapshot import Document, Rejection, Snapshot
from app.sources.documents import read_document
from app.sources.upstream.items import read_item
from app.sources.upstream.pages import Page

_Key = tuple[str | None, str | None]


class Harvest:
    """Grows by one page after the other. Of a version that comes repeatedly, as when a list shifts under its pager,
    the one updated last counts, and among equals the one that came last."""

    def __init__(self) -> None:
        self.seen = 0
        """Items of all pages, repetitions too."""
        self.size = 0
        """Bytes of all pages."""
        self._results: dict[_Key, Document | Rejection] = {}
        self._times: dict[_Key, datetime] = {}
        self._nameless: list[Rejection] = []

    def __len__(self) -> int:
        """How many documents there are, good or bad."""
        return len(self._results) + len(self._nameless)

    def add(self, page: Page) -> None:
        """Read the items of a page. Takes long enough to want a thread. Leaves nothing in the page."""
        self.size += page.size
        for index, given in enumerate(page.items):
            page.items[index] = None
            self.seen += 1
            item = read_item(given, f"page {page.number + 1}: servers[{index}]")
            self._keep(read_document(item.candidate), item.updated_at)

    def _keep(self, result: Document | Rejection, updated_at: datetime | None) -> None:
        key = (result.name, result.version)
        if isinstance(result, Rejection) and None in key:
            self._nameless.append(result)
            return
        before = self._times.get(key)
        if before is not None and updated_at is not None and updated_at < before:
            return
        self._results[key] = result
        if updated_at is not None:
            self._times[key] = updated_at

    def newest(self, until: datetime) -> datetime | None:
        """When a version was last updated, at `until` or before; None if no version says so.

        Where all times are later, `until`: what a clock that goes wrong says must not lead past real changes.
        """
        if not self._times:
            return None
        return max((time for time in self._times.values() if time <= until), default=until)

    def snapshot(self, *, partial: bool) -> Snapshot:
        documents = tuple(self._documents())
        rejections = (*(r for r in self._results.values() if isinstance(r, Rejection)), *self._nameless)
        return Snapshot(documents, rejections, len(self), SourceFormat.UPSTREAM, partial)

    def digest(self) -> str:
        """A SHA-256 in hex that is the same when the same documents, good or bad, come in whatever order."""
        lines = [f"{d.name}\0{d.version}\0{d.content_hash.hex()}" for d in self._documents()]
        lines += [f"{r.name}\0{r.version}" for r in self._results.values() if isinstance(r, Rejection)]
        lines.append(str(len(self._nameless)))
        return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()

    def _documents(self) -> Iterator[Document]:
        return (result for result in self._results.values() if isinstance(result, Document))
