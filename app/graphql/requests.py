"""GraphQL over HTTP, the request: from a body or a query string to operations, with a word on what is wrong with it.

Owns the shape of requests, not what their documents say. Reads no more of a body than is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import orjson
from starlette.datastructures import Headers, QueryParams
from starlette.types import Receive
from strawberry.http import GraphQLRequestData

from app.core.bodies import read_body
from app.core.errors import Invalid
from app.graphql.errors import Code, Refusal, RequestError
from app.graphql.trusted import PREFIX, TrustedDocuments, hash_document

MAX_BODY_BYTES = 2**20
MAX_OBJECTS = 20_000
"""Objects and lists in a body, told from its bytes: each costs time before any other limit can be asked."""

MAX_NESTING = 50

_EXAMPLE = '{"query": "{ servers { totalCount } }"}'
_MEMBERS = ("query", "documentId", "operationName", "variables", "extensions")


async def read_post(headers: Headers, receive: Receive, most: int) -> Any:
    """The JSON of a POST: an object, or a list of up to `most` where that is more than 1. Raises Refusal."""
    _check_media_type(headers)
    try:
        body = await read_body(receive, MAX_BODY_BYTES)
    except Invalid as error:
        raise Refusal.of(error) from error
    found = _read_json("the body", body)
    if isinstance(found, list):
        _check_batch(found, most)
    elif not isinstance(found, dict):
        _refuse(f"the body must be an object such as {_EXAMPLE}, not {_kind(found)}")
    return found


def read_get(given: QueryParams) -> dict[str, Any]:
    """The same members from a query string, `variables` and `extensions` being JSON there."""
    for name in _MEMBERS:
        if len(given.getlist(name)) > 1:
            _refuse(f"{name} is given more than once")
    found: dict[str, Any] = {name: given[name] for name in _MEMBERS if given.get(name)}
    for name in ("variables", "extensions"):
        if name in found:
            found[name] = _read_json(name, found[name].encode("utf-8", "replace"))
    return found


def read_message(text: str) -> Any:
    """The JSON of a message on a WebSocket. Raises Refusal."""
    return _read_json("the message", text.encode("utf-8", "surrogatepass"))


def read_operation(given: Any, trusted: TrustedDocuments) -> GraphQLRequestData:
    """One operation, its text looked up where it is only named. Raises Refusal, naming the member."""
    if not isinstance(given, dict):
        _refuse(f"each operation must be an object such as {_EXAMPLE}, not {_kind(given)}")
    for name in ("query", "documentId", "operationName"):
        if not isinstance(given.get(name), str | None):
            _refuse(f"{name} must be a string, not {_kind(given[name])}")
    for name in ("variables", "extensions"):
        if not isinstance(given.get(name), dict | None):
            _refuse(f"{name} must be an object, not {_kind(given[name])}")
    return GraphQLRequestData(
        query=find_text(given, trusted),
        variables=given.get("variables"),
        operation_name=given.get("operationName") or None,
        extensions=given.get("extensions"),
    )


def find_text(given: Mapping[str, Any], trusted: TrustedDocuments) -> str | None:
    """The text of an operation, or of the trusted document that it names by `documentId` or Apollo's persistedQuery."""
    text, document_id = given.get("query"), given.get("documentId")
    hashed = _persisted_hash(given.get("extensions"))
    if text is not None and document_id is not None:
        _refuse("give either query or documentId, not both")
    if document_id is not None:
        found = trusted.get(document_id) or trusted.get(PREFIX + document_id)
        if found is None:
            message = "documentId names no trusted document of this server (graphql.trustedDocuments)"
            raise Refusal(RequestError(Code.DOCUMENT_NOT_FOUND, message))
        return found
    if hashed is None or (text and hash_document(text) == hashed):
        return text
    if text:
        _refuse("extensions.persistedQuery.sha256Hash is not the SHA-256 of query")
    found = trusted.get(PREFIX + hashed)
    if found is None:
        # Apollo's clients look for this code, and send the text after it.
        message = "extensions.persistedQuery.sha256Hash names no trusted document of this server; send query with it"
        raise Refusal(RequestError(Code.PERSISTED_QUERY_NOT_FOUND, message))
    return found


def _persisted_hash(extensions: Any) -> str | None:
    named = extensions.get("persistedQuery") if isinstance(extensions, dict) else None
    if named is None:
        return None
    found = named.get("sha256Hash") if isinstance(named, dict) else None
    if not isinstance(found, str):
        _refuse('extensions.persistedQuery must be an object such as {"version": 1, "sha256Hash": "…"}')
    return found.lower()


def _check_media_type(headers: Headers) -> None:
    kind, _, rest = headers.get("content-type", "").partition(";")
    parameters = dict(_parameter(part) for part in rest.split(";") if part.strip())
    if kind.strip().lower() != "application/json":
        _refuse_type("send the body as Content-Type: application/json")
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        _refuse_type("send the body in UTF-8: Content-Type: application/json; charset=utf-8")
    if headers.get("content-encoding", "identity").lower() != "identity":
        _refuse_type("send the body uncompressed, without Content-Encoding")


def _parameter(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip().lower(), value.strip().strip('"').lower()


def _check_batch(found: Sequence[Any], most: int) -> None:
    if most == 1:
        message = "a list of operations is not taken here (graphql.maxBatchedOperations is 1); send one object"
        raise Refusal(RequestError(Code.BATCHING_DISABLED, message))
    if not found:
        _refuse("the body is an empty list; it must hold at least one operation")
    if len(found) > most:
        message = f"the body is a list of {len(found)} operations; {most} at most (graphql.maxBatchedOperations)"
        raise Refusal(RequestError(Code.TOO_MANY_OPERATIONS, message))


def _count_objects(text: bytes) -> int:
    return text.count(b"{") + text.count(b"[")


def _without_strings(text: bytes) -> bytes:
    """JSON without what its strings hold: one of them may be a whole registry file."""
    return b"".join(text.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')[::2])


def _read_json(what: str, text: bytes) -> Any:
    if _count_objects(text) > MAX_OBJECTS and _count_objects(_without_strings(text)) > MAX_OBJECTS:
        _refuse(f"{what} holds more than {MAX_OBJECTS} objects and lists")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Refusal(RequestError(Code.BAD_USER_INPUT, f"{what} is not JSON: {error}")) from error
    level: list[Any] = [value] if isinstance(value, dict | list) else []
    for _ in range(MAX_NESTING):
        level = [child for item in level for child in (item.values() if isinstance(item, dict) else item)]
        level = [child for child in level if isinstance(child, dict | list)]
    if level:
        _refuse(f"{what} is nested more than {MAX_NESTING} deep")
    return value


def _kind(value: Any) -> str:
    """What JSON calls it."""
    words = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return words.get(type(value), "a number")


def _refuse(message: str) -> NoReturn:
    raise Refusal(RequestError(Code.BAD_USER_INPUT, message))


def _refuse_type(message: str) -> NoReturn:
    raise Refusal(RequestError(Code.UNSUPPORTED_MEDIA_TYPE, message, status=415))
