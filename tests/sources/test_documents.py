"""What is drawn from one document, and why one is rejected."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.models.documents import Violation
from app.models.kinds import Status
from app.models.snapshot import Document, Rejection
from app.sources.documents import OFFICIAL, Candidate, read_document
from tests.sources.samples import JSON_VALUES, PUBLISHER_PROVIDED, extended, package, server

PLACE = "data.servers[3]"


def accept(value: Any) -> Document:
    result = read_document(Candidate(PLACE, value))
    assert isinstance(result, Document), result
    return result


def refuse(value: Any) -> Rejection:
    result = read_document(Candidate(PLACE, value))
    assert isinstance(result, Rejection), result
    return result


def test_document_holds_what_is_searched_and_sorted_by() -> None:
    document = accept(
        server(
            title="Database",
            packages=[
                package(),
                package(registryType="oci"),
                package(transport={"type": "sse", "url": "http://localhost"}),
            ],
            remotes=[
                {"type": "streamable-http", "url": "https://a.example"},
                {"type": "sse", "url": "https://b.example"},
            ],
            _meta=extended(status="Active", tags=["sql", "read", "sql"], tools=["query"], tier="Official"),
        )
    )
    assert document.name == "io.github.acme/db"
    assert document.version == "1.0.0"
    assert document.title == "Database"
    assert document.description == "Reads a database"
    assert document.tags == ("sql", "read")
    assert document.tools == ("query",)
    assert document.tier == "Official"
    assert document.registry_types == ("npm", "oci")
    assert document.transports == ("stdio", "sse", "streamable-http")
    assert document.status is Status.ACTIVE
    assert (document.status_message, document.published_at) == (None, None)


def test_text_is_the_normalised_document_in_its_own_order() -> None:
    document = accept({"version": "1", "x": {"é": None}, "name": "ab/cd", "title": "", "description": "ü"})
    assert document.text == '{"version":"1","x":{"é":null},"name":"ab/cd","description":"ü"}'


def test_content_hash_covers_text_and_status() -> None:
    plain, deprecated = accept(server()), accept(server(status="deprecated"))
    assert plain.text == deprecated.text
    assert plain.content_hash != deprecated.content_hash
    assert plain.content_hash == accept(server()).content_hash
    assert plain.content_hash != accept(server(title="x")).content_hash
    assert len(plain.content_hash) == hashlib.sha256().digest_size


@pytest.mark.parametrize(
    ("given_status", "expected"),
    [
        ("active", Status.ACTIVE),
        ("Deprecated", Status.DEPRECATED),
        ("deleted", Status.DELETED),
        ("", Status.ACTIVE),
        (None, Status.ACTIVE),
    ],
)
def test_status_of_old_schemas_leaves_the_document(given_status: str | None, expected: Status) -> None:
    document = accept(server(status=given_status))
    assert document.status is expected
    assert '"status"' not in document.text


@pytest.mark.parametrize("given_status", ["retired", 1, {}])
def test_unknown_status_is_rejected(given_status: Any) -> None:
    assert refuse(server(status=given_status)).reason == f"{PLACE}.status: must be active, deprecated, deleted"


@pytest.mark.parametrize(
    ("given_status", "expected"),
    [
        ("Deprecated", Status.DEPRECATED),
        ("DEPRECATED", Status.DEPRECATED),
        ("Active", Status.ACTIVE),
        (1, Status.ACTIVE),
    ],
)
def test_status_of_the_toolhive_extension_counts_and_stays(given_status: Any, expected: Status) -> None:
    document = accept(server(_meta=extended(status=given_status)))
    assert document.status is expected
    assert '"status"' in document.text


def test_status_in_the_document_wins_over_the_extension() -> None:
    assert accept(server(status="active", _meta=extended(status="Deprecated"))).status is Status.ACTIVE


def test_words_are_read_at_their_depth_from_any_publisher() -> None:
    provided = {
        "tags": ["too-high"],
        "text": "skipped",
        "com.example": {
            "a": {"tags": ["one", 2, "two"], "tier": ""},
            "b": ["x"],
            "c": {"tags": "x", "d": {"tags": ["low"]}},
        },
        "org.example": {"a": {"tags": ["two", "three"], "tier": "Community"}},
    }
    document = accept(server(_meta={PUBLISHER_PROVIDED: provided}))
    assert document.tags == ("one", "two", "three")
    assert document.tier == "Community"
    assert document.tools == ()


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"publishedAt": "2025-10-01T12:00:00.123456789+02:00"}, datetime(2025, 10, 1, 10, 0, 0, 123456, UTC)),
        ({"published_at": "2025-10-01T12:00:00Z"}, datetime(2025, 10, 1, 12, tzinfo=UTC)),
        ({"publishedAt": "2025-10-01T12:00:00"}, None),
        ({"publishedAt": "0001-01-01T00:00:00+14:00"}, None),
        ({"publishedAt": "yesterday"}, None),
        ({"publishedAt": 1}, None),
        ([], None),
    ],
)
def test_publication_time_is_known_only_if_the_source_says_so(block: Any, expected: datetime | None) -> None:
    assert accept(server(_meta={OFFICIAL: block})).published_at == expected


@pytest.mark.parametrize("value", [None, 1, "x", [], True])
def test_what_is_no_object_is_rejected(value: Any) -> None:
    assert refuse(value) == Rejection(None, None, f"{PLACE}: a server must be an object")


def test_rejection_names_every_fault_with_its_path_in_the_file() -> None:
    rejection = refuse(server(version="latest", packages=[package(transport={"type": "x"})]))
    assert (rejection.name, rejection.version) == ("io.github.acme/db", "latest")
    assert rejection.reason == (
        f'{PLACE}.version: must be one version such as "1.0.0", not "latest";'
        f" {PLACE}.packages[0].transport.type: must be 'stdio', 'streamable-http' or 'sse'"
    )


def test_rejection_of_many_faults_stays_short() -> None:
    assert refuse(server(packages=[1] * 50)).reason.endswith("packages[4]: must be an object; and 45 more")


def test_template_in_the_name_is_rejected() -> None:
    assert "template that was never filled in" in refuse(server(name="io.github.acme/{{name}}")).reason


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"title": "a\0b"}, f"{PLACE}.title: holds a NUL character, which cannot be stored"),
        ({"x": {"y": ["\ud800"]}}, f"{PLACE}.x.y[0]: holds half a surrogate pair, which is no character"),
        ({"x\0": 1}, f"{PLACE}: one of its keys holds a NUL character, which cannot be stored"),
    ],
)
def test_unstorable_text_is_rejected(changes: dict[str, Any], reason: str) -> None:
    assert refuse(server(**changes)).reason == reason


def test_rejection_itself_can_always_be_stored() -> None:
    assert refuse(server(name="a\0/\ud800")).name == "a\\x00/\\ud800"


def test_fault_of_a_converted_document_is_told_apart_from_the_file() -> None:
    result = read_document(Candidate("servers.x", server(name="x"), converted=True))
    assert isinstance(result, Rejection)
    assert result.reason.startswith("servers.x: converted to server.json, name: must be namespace/name")


def test_candidate_that_could_not_be_converted_is_rejected_for_that() -> None:
    candidate = Candidate("servers.x", {"name": "ab/x"}, violations=(Violation("image", "is required"),))
    assert read_document(candidate) == Rejection("ab/x", None, "servers.x.image: is required")


@settings(deadline=None)
@given(
    value=JSON_VALUES
    | st.builds(lambda changes: server(**changes), st.dictionaries(st.text(), JSON_VALUES))
    | st.builds(
        lambda key, value: server(**{key: value}),
        st.sampled_from(["packages", "remotes", "_meta", "repository", "icons", "status", "description", "title"]),
        JSON_VALUES,
    )
)
def test_any_value_becomes_a_document_or_a_rejection(value: Any) -> None:
    result = read_document(Candidate(PLACE, value))
    assert isinstance(result, Document) or result.reason.startswith(PLACE)
