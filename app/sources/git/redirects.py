"""Asks once where a repository's address finally leads: git follows no redirects, since it would not judge them."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

import httpx

from app.core.errors import SourceError
from app.sources.git.address import Address, read_address
from app.sources.http import MAX_REDIRECTS, REDIRECTS, open_client, read_redirect
from app.sources.outbound import NetworkFailure, Outbound

_SERVICE: Final = "/info/refs?service=git-upload-pack"
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
            target = read_redirect(target, location)
    raise SourceError(f"{address.url} redirects more than {MAX_REDIRECTS} times; check git.repository")


async def _ask(client: httpx.AsyncClient, target: httpx.URL) -> str | None:
    """Where `target` redirects to, None for any other answer; its body is left unread."""
    request = httpx.Request("GET", target, headers=_HEADERS)
    response = await client.send(request, stream=True, auth=None)
    await response.aclose()
    return response.headers.get("location") if response.status_code in REDIRECTS else None


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
