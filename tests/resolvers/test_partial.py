"""A partial snapshot: only what it tells of changes, and the filter holds for what it tells."""

from __future__ import annotations

from app.core.settings import SourceFormat
from app.models.kinds import Status
from app.models.snapshot import Document, Snapshot
from app.resolvers.comparison import compare, find_removal
from app.resolvers.sync import choose
from app.sources.documents import Candidate, read_document
from app.store.snapshots import Stored
from tests.seeding import tagged


def read(name: str, *tags: str) -> Document:
    found = read_document(Candidate("x", tagged(name, *tags)))
    assert isinstance(found, Document)
    return found


def partial(*documents: Document) -> Snapshot:
    return Snapshot(documents, (), len(documents), SourceFormat.UPSTREAM, partial=True)


STORED = {(f"a/{letter}", "1.0.0"): Stored(number, b"x", Status.ACTIVE) for number, letter in enumerate("bcd")}
APPROVED = {"tags": {"include": ["approved"]}}


def test_what_it_does_not_mention_stays() -> None:
    difference = compare(STORED, choose(partial(read("a/b", "approved")), APPROVED))
    assert ([d.name for d in difference.updated], difference.removed) == (["a/b"], [])


def test_version_that_the_filter_admits_no_more_goes() -> None:
    snapshot = choose(partial(read("a/b", "approved"), read("a/c", "blocked"), read("a/new", "blocked")), APPROVED)
    difference = compare(STORED, snapshot)
    assert [key for key, _ in difference.removed] == [("a/c", "1.0.0")]
    assert [d.name for d in (*difference.added, *difference.updated)] == ["a/b"]
    removal = find_removal(STORED, difference)
    assert (removal.names, removal.entries) == (("a/c",), 3)
