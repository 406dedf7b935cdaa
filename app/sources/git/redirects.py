"""Asks once where a repository's address finally leads: git follows no redirects, since it would not judge them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

from app.core.errors import SourceError
from app.sources.git.address import Address, read_address
from app.sources.http import MAX_REDIRECTS, open_client
from app.sources.outbound import NetworkFailure, Outbound

_SERVICE: Final = "/info/refs?service=git-upload-pack"
_STATUSES: Final = (301, 302, 303, 307, 308)
_HEADERS: Final = {
    "User-Agent": "git/2.37",  # some hosts send browsers elsewhere
    "Accept": "*/*",
    "Git-Protocol": "version=2",  # keeps the answer short
}


async def follow_redirects(outbound: Outbound, address: Address, seconds: float) -> Address:
    """The repository's final address; the one given if the server does not redirect. Nothing secret is sent.

    `seconds` is for each step. Raises SourceError for a redirect that is not followed.
    """
    async with open_client(outbound, timeout=seconds) as client:
        target = httpx.URL(address.url.rstrip("/") + _SERVICE)
        for _ in range(MAX_REDIRECTS + 1):
            try:
                location = await _ask(client, target)
            except NetworkFailure as error:
                if error.retryable:
                    raise
                return address  # a certificate that we do not trust: git may know its authority
            if location is None:
                return _read_final(address, target)
            target = _join(target, location)
    raise SourceError(f"{address.url} redirects more than {MAX_REDIRECTS} times; check git.repository")


async def _ask(client: httpx.AsyncClient, target: httpx.URL) -> str | None:
    """Where `target` redirects to, None for any other answer; its body is left unread."""
    request = httpx.Request("GET", target, headers=_HEADERS)
    response = await client.send(request, stream=True, auth=None)
    await response.aclose()
    return response.headers.get("location") if response.status_code in _STATUSES else None


def _join(source: httpx.URL, location: str) -> httpx.URL:
    try:
        target = source.join(location)
    except (httpx.InvalidURL, ValueError):
        raise SourceError(f"{source.host} redirects to something that is no valid URL; check git.repository") from None
    port = target.port or 1
    if target.userinfo or target.scheme not in ("http", "https") or not target.host or port not in range(1, 2**16):
        raise SourceError(f"{source.host} redirects to an address that is not followed; check git.repository")
    if source.scheme == "https" and target.scheme == "http":
        raise SourceError(f"{source.host} redirects from https to http, which is not followed; check git.repository")
    return target


def _read_final(address: Address, target: httpx.URL) -> Address:
    path, found, _ = str(target).partition(_SERVICE)
    if not found:
        place = f"{target.scheme}://{target.netloc.decode('ascii')}{urlsplit(str(target)).path}"[:200]
        raise SourceError(
            f"{address.url} redirects to {place}, which is no git repository; it is perhaps a page to log in: check"
            " git.repository, or set git.auth"
        )
    final = read_address(path)
    return address if final.url.rstrip("/") == address.url.rstrip("/") else final
