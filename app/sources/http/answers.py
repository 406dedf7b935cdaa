"""Answers over HTTP: what a status means, and reading a body within limits.

Owns unpacking and sizes. The time limit is that of app.sources.http, which asks.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final

import httpx

from app.core.errors import SourceError
from app.sources.http.transport import name_place
from app.sources.outbound import NetworkFailure

CONDITIONS: Final = ("if-none-match", "if-modified-since")
"""The headers that 304 may answer to."""

_RETRYABLE: Final = (408, 425, 429, 500, 502, 503, 504)
_HINTS: Final = {
    401: "it wants credentials, or does not accept those it was sent",
    403: "it does not allow this; check the address and the credentials",
    404: "check the address",
    407: "the proxy wants credentials; write them into HTTP_PROXY or HTTPS_PROXY",
    410: "what was there is gone; check the address",
    429: "it was asked too often; lengthen syncPolicy.interval",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: status 200, or 304 without a body. `headers` ignore case; `url` is where redirects led to."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class HttpFailure(SourceError):
    """An answer with a status that is of no use. `retry_after` is in seconds, None where the server does not say."""

    def __init__(self, message: str, status: int, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.retry_after = retry_after

    @property
    def retryable(self) -> bool:
        return self.status in _RETRYABLE


async def take(response: httpx.Response, limit: int) -> Answer:
    """Read the answer, at most `limit` bytes once decompressed. Raises HttpFailure, NetworkFailure, SourceError."""
    status, url = response.status_code, response.request.url
    conditional = any(name in response.request.headers for name in CONDITIONS)
    if status != HTTPStatus.OK and not (status == HTTPStatus.NOT_MODIFIED and conditional):
        raise _describe_status(response)
    body = b"" if status == HTTPStatus.NOT_MODIFIED else await _read_body(response, limit)
    return Answer(status, response.headers, body, str(url))


async def _read_body(response: httpx.Response, limit: int) -> bytes:
    place = name_place(response.request.url)
    shown = show_address(response.request.url)
    too_large = SourceError(f"{shown} is larger than {_show_size(limit)}, the most that is read")
    length = response.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limit:
        raise too_large
    inflater = _choose_inflater(response, place)
    body, received = bytearray(), 0
    try:
        async for chunk in response.aiter_raw():
            received += len(chunk)
            body += inflater.read(chunk, limit + 1 - len(body)) if inflater else chunk
            if max(len(body), received) > limit:
                raise too_large
    except zlib.error:
        raise NetworkFailure(f"{place} sent data that cannot be decompressed; try again later") from None
    if inflater and not inflater.complete:
        raise NetworkFailure(f"{place} sent compressed data that break off; try again later")
    return bytes(body)


def _choose_inflater(response: httpx.Response, place: str) -> _Inflater | None:
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding in ("identity", ""):
        return None
    if encoding not in ("gzip", "x-gzip"):
        raise SourceError(f"{place} answers in the content encoding {encoding[:40]!r}; only gzip was asked for")
    return _Inflater()


class _Inflater:
    """Undoes gzip without ever making more than it is asked for: a small answer may stand for gigabytes."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self.complete = True

    def read(self, data: bytes, room: int) -> bytes:
        """At most `room` bytes, which is above zero; what does not fit is dropped."""
        made = b""
        while data and len(made) < room:
            if self._member.eof:
                data = data.lstrip(b"\0")  # padding between the members of one file
                self._member = zlib.decompressobj(zlib.MAX_WBITS | 16) if data else self._member
                continue
            made += self._member.decompress(data, room - len(made))
            data = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
        self.complete = self._member.eof
        return made


def _describe_status(response: httpx.Response) -> HttpFailure:
    status = response.status_code
    phrase = httpx.codes.get_reason_phrase(status)
    hint = _HINTS.get(status, "the fault is the server's; try again later" if status >= 500 else "check the address")
    message = f"{show_address(response.request.url)} was answered by {status} {phrase}".rstrip()
    return HttpFailure(f"{message}; {hint}", status, _read_retry_after(response.headers.get("retry-after", "")))


def _read_retry_after(text: str) -> float | None:
    """Retry-After is a number of seconds or a date (RFC 9110, 10.2.3)."""
    if text.isascii() and text.isdecimal():
        return float(text[:10])
    moment = parse_http_date(text)
    return None if moment is None else max(0.0, (moment - datetime.now(UTC)).total_seconds())


def parse_http_date(text: str) -> datetime | None:
    """The date of a header such as Date or Last-Modified, in UTC; None if it is none."""
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def show_address(url: httpx.URL) -> str:
    """The address without its query, which may hold a token."""
    path = url.raw_path.partition(b"?")[0].decode("ascii")
    return f"{url.scheme}://{name_place(url)}{path}"[:200]


def _show_size(limit: int) -> str:
    return f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit} bytes"
