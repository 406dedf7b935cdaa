"""What is published: repaired only where nothing was meant, refused with every reason, never too dear to check."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.models.documents import Issue, PublishPolicy, Severity
from app.models.kinds import Status
from app.models.snapshot import Document
from app.sources.published import MAX_VALUES, read_published
from tests.seeding import document

TOOL = document("com.example/tool")
OFFICIAL = "io.modelcontextprotocol.registry/official"


def accepted(value: dict[str, Any]) -> Document:
    report = read_published(value, PublishPolicy())
    assert report.document is not None, report.issues
    return report.document


def refused(value: dict[str, Any]) -> list[Issue]:
    report = read_published(value, PublishPolicy())
    assert report.document is None
    return [issue for issue in report.issues if issue.severity is Severity.ERROR]


@pytest.mark.parametrize(
    "nothing", [{"repository": {}}, {"title": ""}, {"packages": None}, {"icons": None, "_meta": None}, {"$schema": ""}]
)
def test_what_means_nothing_is_dropped(nothing: dict[str, Any]) -> None:
    assert json.loads(accepted({**TOOL, **nothing}).text) == TOOL


def test_everything_else_is_kept_in_its_order() -> None:
    given = {"zeta": [{"b": None}], **TOOL, "alpha": 1}
    assert accepted(given).text == json.dumps(given, separators=(",", ":"))


def test_old_spellings_are_not_translated() -> None:
    package = {"registry_type": "npm", "identifier": "x", "version": "1.0.0", "transport": {"type": "stdio"}}
    assert [issue.path for issue in refused({**TOOL, "packages": [package]})] == ["packages[0].registryType"]


def test_publisher_decides_neither_times_nor_status() -> None:
    meta = {OFFICIAL: {"publishedAt": "2001-01-01T00:00:00Z", "status": "deleted"}}
    found = accepted({**TOOL, "_meta": meta, "status": "deprecated"})
    assert (found.published_at, found.status, found.status_message) == (None, Status.ACTIVE, None)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"description": "a\0b"}, "description"),
        ({"_meta": {"x/y": ["\ud800"]}}, '_meta["x/y"][0]'),
        ({"extra": 2**64}, "extra"),
    ],
)
def test_what_cannot_be_stored_is_named(more: dict[str, Any], path: str) -> None:
    (issue,) = refused({**TOOL, **more})
    assert (issue.type, issue.path) == ("json", path)


def test_too_many_tags_to_be_indexed_are_refused() -> None:
    publisher = {"x": {"y": {"tags": [str(n) for n in range(2001)]}}}
    meta = {"io.modelcontextprotocol.registry/publisher-provided": publisher}
    (issue,) = refused({**TOOL, "_meta": meta})
    assert issue.message == "has 2001 tags; 2000 at most"


@pytest.mark.parametrize(
    "mass",
    [
        {"packages": [{}] * MAX_VALUES},
        {"icons": [{"src": "https://example.com/i.png", "sizes": ["x"] * MAX_VALUES}]},
        {"packages": [[[{}] * 100] * 10] * 10},
        {str(n): 1 for n in range(MAX_VALUES)},
    ],
)
def test_mass_of_values_is_refused_with_one_word(mass: dict[str, Any]) -> None:
    (issue,) = refused({**TOOL, **mass})
    assert "holds more than 10000 values" in issue.message


def test_mass_below_meta_is_admitted() -> None:
    mass = {"io.modelcontextprotocol.registry/publisher-provided": {"numbers": list(range(2 * MAX_VALUES))}}
    assert accepted({**TOOL, "_meta": mass}).name == "com.example/tool"
