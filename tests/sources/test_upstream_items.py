"""What is read from one item of a list, and from an answer as a whole, whatever they hold."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import SourceError
from app.models.kinds import Status
from app.models.snapshot import Document, Rejection
from app.sources.documents import OFFICIAL, read_document
from app.sources.formats import read_snapshot
from app.sources.upstream.harvest import Harvest
from app.sources.upstream.items import format_time, parse_time, read_item
from app.sources.upstream.pages import Page, read_page
from tests.conftest import NEEDS_DATA
from tests.effort import search
from tests.sources.samples import JSON_VALUES, PUBLISHER_PROVIDED, REGISTRY_FILES, registry_file, server, upstream

WHEN = datetime(2026, 5, 4, 8, 0, 0, 123456, tzinfo=UTC)


def accept(item: Any) -> Document:
    result = read_document(read_item(item, "page 1: servers[0]").candidate)
    assert isinstance(result, Document), result
    return result


def refuse(item: Any) -> Rejection:
    result = read_document(read_item(item, "page 1: servers[0]").candidate)
    assert isinstance(result, Rejection), result
    return result


def official(**block: Any) -> dict[str, Any]:
    return {"server": server(), "_meta": {OFFICIAL: block}}


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-04T08:00:00.123456Z", WHEN),
        ("2026-05-04T08:00:00.123456789Z", WHEN),
        ("2026-05-04T10:00:00.123456+02:00", WHEN),
        ("2026-05-04T08:00:00Z", WHEN.replace(microsecond=0)),
        ("2026-05-04T08:00:00", None),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+10:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("yesterday", None),
        ("", None),
        (1_777_000_000, None),
        (None, None),
        ([], None),
    ],
)
def test_time_that_is_none_counts_as_absent(text: Any, time: datetime | None) -> None:
    assert parse_time(text) == time
    item = official(publishedAt=text, updatedAt=text, statusChangedAt=text)
    assert read_item(item, "").updated_at == time
    assert (accept(item).published_at, accept(item).status_changed_at) == (time, time)


def test_time_is_written_in_whole_seconds() -> None:
    assert format_time(WHEN) == "2026-05-04T08:00:00Z"
    assert parse_time(format_time(WHEN)) == WHEN.replace(microsecond=0)


def test_old_spelling_of_the_registrys_block_is_understood() -> None:
    item = official(status_message="Old", published_at="2026-05-04T08:00:00Z", updated_at="2026-05-04T09:00:00Z")
    assert accept(item).status_message == "Old"
    assert accept(item).published_at == WHEN.replace(microsecond=0)
    assert read_item(item, "").updated_at == WHEN.replace(hour=9, microsecond=0)


@pytest.mark.parametrize(
    ("status", "stands"),
    [("active", Status.ACTIVE), ("Deprecated", Status.DEPRECATED), ("deleted", Status.DELETED), (None, Status.ACTIVE)],
)
def test_registry_tells_the_status(status: str | None, stands: Status) -> None:
    assert accept(official(status=status)).status is stands


def test_registrys_status_goes_before_the_documents_own() -> None:
    document = server(status="deprecated")
    assert accept({"server": document}).status is Status.DEPRECATED
    assert accept({"server": document, "_meta": {OFFICIAL: {}}}).status is Status.DEPRECATED
    assert accept({"server": document, "_meta": {OFFICIAL: {"status": "active"}}}).status is Status.ACTIVE


@pytest.mark.parametrize("status", ["archived", "", 5, [], {"a": "\ud800\0"}])
def test_unknown_status_is_a_rejection(status: Any) -> None:
    rejection = refuse(official(status=status, updatedAt="2026-05-04T08:00:00Z"))
    assert rejection.name == "io.github.acme/db"
    assert rejection.version == "1.0.0"
    assert "active, deprecated, deleted" in rejection.reason
    assert rejection.reason.encode().isascii()


@pytest.mark.parametrize(
    ("given", "kept"),
    [("x" * 600, "x" * 500), ("a\0b", "a\\x00b"), ("\ud800", "\\ud800"), ("", None), (5, None), ({}, None)],
)
def test_message_is_made_fit_to_store(given: Any, kept: str | None) -> None:
    assert accept(official(status="deleted", statusMessage=given)).status_message == kept


def test_document_is_kept_as_it_came() -> None:
    document = server(_meta={OFFICIAL: {"publishedAt": "2026-05-04T08:00:00Z", "status": "x"}, "com.example/x": 1})
    item = {"server": document, "_meta": {OFFICIAL: {"status": "deprecated"}, "com.example/registry": 1}}
    assert orjson.loads(accept(item).text) == document
    assert accept(item).published_at is None
    assert accept({"server": document}).published_at == WHEN.replace(microsecond=0)


def test_publishers_metadata_beside_the_registrys_are_taken_in() -> None:
    provided = {"io.github.stacklok": {"ghcr.io/acme/db:1": {"tags": ["sql"]}}}
    meta = {OFFICIAL: {}, PUBLISHER_PROVIDED: provided}
    assert accept({"server": server(), "_meta": meta}).tags == ("sql",)
    taken = accept({"server": server(_meta={"com.example/x": 1}), "_meta": meta})
    assert orjson.loads(taken.text)["_meta"] == {"com.example/x": 1, PUBLISHER_PROVIDED: provided}
    assert accept({"server": server(_meta=None), "_meta": meta}).tags == ("sql",)
    own = accept({"server": server(_meta={PUBLISHER_PROVIDED: {}}), "_meta": meta})
    assert orjson.loads(own.text)["_meta"] == {PUBLISHER_PROVIDED: {}}
    odd = accept({"server": server(), "_meta": {PUBLISHER_PROVIDED: "odd"}})
    assert "_meta" not in orjson.loads(odd.text)


def test_flat_item_is_the_document() -> None:
    block = {OFFICIAL: {"status": "deleted"}}
    assert orjson.loads(accept(server(_meta=block)).text) == server()
    assert accept(server(_meta=block)).status is Status.DELETED
    rest: dict[str, Any] = {PUBLISHER_PROVIDED: {"x": {}}}
    assert orjson.loads(accept(server(_meta={**block, **rest})).text) == server(_meta=rest)
    assert orjson.loads(accept(server()).text) == server()
    assert orjson.loads(accept(server(server="an unknown key")).text) == server(server="an unknown key")


@pytest.mark.parametrize("item", [None, 5, "x", [], {}, {"server": None}, {"server": 5}, {"server": []}, {"_meta": {}}])
def test_item_without_a_document_is_a_rejection(item: Any) -> None:
    assert refuse(item).reason.startswith("page 1: servers[0]")


@given(
    item=JSON_VALUES
    | st.fixed_dictionaries({"server": JSON_VALUES, "_meta": st.fixed_dictionaries({OFFICIAL: JSON_VALUES})})
)
@search(150)
def test_any_item_is_read(item: Any) -> None:
    result = read_document(read_item(item, "page 1: servers[0]").candidate)
    assert isinstance(result, Document | Rejection)


@given(
    block=st.dictionaries(
        st.sampled_from(["status", "statusMessage", "statusChangedAt", "publishedAt", "updatedAt"]),
        JSON_VALUES | st.datetimes().map(lambda time: f"{time.isoformat()}Z") | st.sampled_from(["active", "deleted"]),
    )
)
@search(150)
def test_any_block_of_a_registry_is_read(block: dict[str, Any]) -> None:
    result = read_document(read_item(official(**block), "page 1: servers[0]").candidate)
    assert isinstance(result, Document | Rejection)
    shown = result.status_message if isinstance(result, Document) else result.reason
    assert "\0" not in (shown or "").encode().decode()


@given(body=st.binary() | JSON_VALUES.map(lambda value: repr(value).encode("utf-8", "replace")))
@search(150)
def test_any_answer_is_a_page_or_an_error(body: bytes) -> None:
    failure = ""
    try:
        items: Any = read_page(body, 0).items
    except SourceError as error:
        items, failure = [], str(error)
    assert isinstance(items, list)
    assert not failure or "page 1" in failure
    assert "\0" not in failure


def test_page_may_begin_with_a_byte_order_mark() -> None:
    assert read_page(b'\xef\xbb\xbf{"servers":[1]}', 0).items == [1]


@pytest.mark.parametrize("key", ["nextCursor", "next_cursor"])
@pytest.mark.parametrize(("given", "cursor"), [("abc", "abc"), ("", ""), (None, "")])
def test_cursor_has_two_spellings(key: str, given: Any, cursor: str) -> None:
    assert read_page(orjson.dumps({"servers": [], "metadata": {key: given}}), 0).cursor == cursor


def test_same_documents_have_the_same_digest_in_any_order() -> None:
    items = [{"server": server(name=f"com.example/{name}")} for name in "abc"]

    def digest(*given: Any) -> str:
        harvest = Harvest()
        harvest.add(Page(0, list(given), ""))
        return harvest.digest()

    assert digest(*items) == digest(*reversed(items)) == digest(*items, items[0])
    assert digest(*items) != digest(*items[:2])
    assert digest(*items) != digest(*items[:2], {**items[2], "_meta": {OFFICIAL: {"status": "deleted"}}})


@NEEDS_DATA
@pytest.mark.parametrize("path", [path for path in REGISTRY_FILES if "toolhive-format" not in path])
@pytest.mark.parametrize("flat", [False, True])
def test_real_documents_are_read_as_from_a_file(path: str, flat: bool) -> None:
    data = registry_file(path)
    documents = orjson.loads(data)["data"]["servers"]
    harvest = Harvest()
    for number, start in enumerate(range(0, len(documents), 100)):
        page = [one if flat else {"server": one, "_meta": {}} for one in documents[start : start + 100]]
        harvest.add(read_page(orjson.dumps({"servers": page, "metadata": {}}), number))
    file = read_snapshot(data, None)
    found = harvest.snapshot(partial=False)
    assert len(file.documents) > 10
    assert sorted(d.content_hash for d in found.documents) == sorted(d.content_hash for d in file.documents)
    assert len(found.rejections) == len(file.rejections)


def test_sample_file_is_read_as_from_a_file() -> None:
    """The same comparison on documents made here, old schemas among them."""
    old = server(name="com.example/old", packages=[{"registry_type": "npm", "identifier": "x"}], status="deprecated")
    documents = [server(), old, server(name="bad")]
    harvest = Harvest()
    harvest.add(Page(0, [{"server": one} for one in documents], ""))
    file = read_snapshot(upstream(*documents), None)
    assert harvest.snapshot(partial=False).documents == file.documents
    assert len(harvest.snapshot(partial=False).rejections) == len(file.rejections) == 1
