"""One exchange: its redirects, headers and time limit. Where a request may go is app.sources.http.transport's business,
reading what comes back that of app.sources.http.answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from app import VERSION
from app.core.errors import SourceError
from app.sources.contents import MAX_FILE_BYTES
from app.sources.http.answers import CONDITIONS, Answer, show_address, take
from app.sources.http.transport import GuardedTransport, create_context, name_place
from app.sources.outbound import NetworkFailure, Outbound

MAX_REDIRECTS: Final = 5

_DEFAULTS: Final = {
    "User-Agent": f"thv-registry-api/{VERSION}",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}
REDIRECTS: Final = (301, 302, 303, 307, 308)
_HARMLESS: Final = ("user-agent", "accept", "accept-encoding", *CONDITIONS)
"""Headers that may go to whomever a redirect leads to. Every other one is for the first origin alone."""


def open_client(
    outbound: Outbound, *, timeout: float, ca_file: str = "", headers: Mapping[str, str] | None = None
) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    """`async with` it for a client that `get` can use; `timeout` is in seconds, for each step of an exchange.

    `headers` go with every request to the origin that `get` is given, and to no other. `ca_file` replaces the system's
    certificates. Raises SourceError for a file or header that cannot be used.
    """
    return _open(outbound, httpx.Timeout(timeout), ca_file, _merge(_DEFAULTS, headers))


@asynccontextmanager
async def _open(
    outbound: Outbound, limits: httpx.Timeout, ca_file: str, headers: httpx.Headers
) -> AsyncIterator[httpx.AsyncClient]:
    context = await asyncio.to_thread(create_context, ca_file)
    async with httpx.AsyncClient(
        transport=GuardedTransport(outbound, context),
        headers=headers,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),  # takes none, sends none
        timeout=limits,
        follow_redirects=False,
        trust_env=False,
    ) as client:
        yield client


async def get(
    client: httpx.AsyncClient,
    url: str,
    *,
    timeout_seconds: float,
    headers: Mapping[str, str] | None = None,
    limit: int = MAX_FILE_BYTES,
) -> Answer:
    """Fetch `url`, redirects and body within `timeout_seconds` in all, at most `limit` bytes once decompressed.

    Raises HttpFailure for a status other than 200 (and 304, where `headers` have a condition), NetworkFailure for what
    the network did, SourceError for an address or answer that is not accepted.
    """
    target = _read_url(url)
    merged = _merge(client.headers, headers)
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _follow(client, target, merged, limit)
    except TimeoutError:
        message = f"{name_place(target)} did not complete its answer within {timeout_seconds:g} seconds"
        raise NetworkFailure(f"{message}; check the server, or raise the source's timeout") from None


async def _follow(client: httpx.AsyncClient, target: httpx.URL, headers: httpx.Headers, limit: int) -> Answer:
    for _ in range(MAX_REDIRECTS + 1):
        response = await client.send(httpx.Request("GET", target, headers=headers), stream=True, auth=None)
        try:
            if response.status_code not in REDIRECTS or "location" not in response.headers:
                return await take(response, limit)
            source, target = target, read_redirect(target, response.headers["location"])
            if _origin(source) != _origin(target):
                headers = httpx.Headers({name: headers[name] for name in _HARMLESS if name in headers})
        finally:
            await response.aclose()
    raise SourceError(f"{name_place(target)} redirects more than {MAX_REDIRECTS} times; check the address")


def _read_url(url: str) -> httpx.URL:
    try:
        target = httpx.URL(url)
        reachable = _is_reachable(target)
    except (httpx.InvalidURL, ValueError):
        raise SourceError("the address is no valid URL; write https://host/path") from None
    if target.userinfo:
        place = name_place(target)
        raise SourceError(f"the address of {place} holds a user name or password, which would be shown; leave it out")
    if not reachable:
        raise SourceError(f"{show_address(target)} is no http or https address; write https://host/path")
    return target


def read_redirect(source: httpx.URL, location: str) -> httpx.URL:
    """Where `source` redirects to. The transport has seen to it that `location` can be read.

    Raises SourceError for what is not followed: a login in the address, another protocol, https to http.
    """
    place, target = name_place(source), source.join(location)
    if target.userinfo:
        raise SourceError(f"{place} redirects to an address with a user name or password, which is not followed")
    if not _is_reachable(target):
        raise SourceError(f"{place} redirects to something that is no http or https address; check the address")
    if source.scheme == "https" and target.scheme == "http":
        raise SourceError(f"{place} redirects from https to http, which is not followed; check the address")
    return target


def _is_reachable(url: httpx.URL) -> bool:
    """Raises ValueError for an international name that is none."""
    return url.scheme in ("http", "https") and bool(url.host) and (url.port is None or 0 < url.port < 2**16)


def _origin(url: httpx.URL) -> tuple[str, bytes, int | None]:
    return url.scheme, url.raw_host, url.port


def _merge(headers: Mapping[str, str], more: Mapping[str, str] | None) -> httpx.Headers:
    """Those of `more` replace the others. The messages do not tell a value: it may be a token."""
    merged = httpx.Headers(headers)
    for name, value in (more or {}).items():
        try:
            merged.update([(name.encode("ascii"), value.encode("latin-1"))])
        except UnicodeEncodeError:
            raise SourceError(f"the header {name!a} holds characters that HTTP does not allow") from None
    return merged
