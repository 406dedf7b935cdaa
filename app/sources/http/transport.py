"""How a request leaves: straight to a checked address, or through a proxy; and what a failure on the way means.

Owns the choice of the way, certificates and the words for failures. Redirects, sizes and time limits are
app.sources.http's.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import certifi
import httpcore
import httpx

from app.core.errors import SourceError
from app.sources.http.connections import GuardedBackend
from app.sources.http.proxies import find_proxy
from app.sources.outbound import NetworkFailure, Outbound, Unresolved

LOOKUP_SECONDS: Final = 3.0
"""Time allowed to look a name up that a proxy will look up again; networks behind a proxy may know no names."""

_FAILURES: Final = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError)
_NAME_MISMATCHES: Final = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH


class GuardedTransport(httpx.AsyncBaseTransport):
    """Sends requests only where `outbound` allows. Raises SourceError, NetworkFailure for what the network did.

    httpx's own transport cannot be told how to connect; this one is made of the same parts below it, httpcore's.
    """

    def __init__(self, outbound: Outbound, context: ssl.SSLContext) -> None:
        self._outbound = outbound
        self._context = context
        self._direct = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=GuardedBackend(outbound))
        self._proxied: dict[str, httpcore.AsyncHTTPProxy] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        proxy = find_proxy(request.url.scheme, host, port)
        if proxy is None:
            # TLS knows no final dot.
            return await _send(self._direct, request, {"sni_hostname": host.removesuffix(".")})
        await self._check_behind_proxy(host, port)
        return await _send(self._way_through(proxy), request, {}, name_place(proxy.url))

    async def aclose(self) -> None:
        for pool in (self._direct, *self._proxied.values()):
            await pool.aclose()

    async def _check_behind_proxy(self, host: str, port: int) -> None:
        """What we can tell to be private is refused; a name that only the proxy knows is left to it."""
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                await self._outbound.resolve(host, port)
        except (Unresolved, TimeoutError):
            return

    def _way_through(self, proxy: httpx.Proxy) -> httpcore.AsyncHTTPProxy:
        key = str(proxy.url)
        if key not in self._proxied:
            url = proxy.url
            self._proxied[key] = httpcore.AsyncHTTPProxy(
                httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
                proxy_auth=proxy.raw_auth,
                ssl_context=self._context,
                proxy_ssl_context=create_context() if url.scheme == "https" else None,
                network_backend=GuardedBackend(None),
            )
        return self._proxied[key]


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response, place: str) -> None:
        self._answer = answer
        self._place = place

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._answer.aiter_stream():
                yield part
        except _FAILURES as error:
            raise _explain(error, self._place) from None

    async def aclose(self) -> None:
        await self._answer.aclose()


async def _send(
    pool: httpcore.AsyncConnectionPool, request: httpx.Request, extensions: dict[str, str], proxy: str = ""
) -> httpx.Response:
    """`proxy` is the place of the proxy that the pool leads through, if any."""
    url, place = request.url, name_place(request.url)
    sent = httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions={**request.extensions, **extensions},
    )
    try:
        answer = await pool.handle_async_request(sent)
    except httpcore.ProxyError as error:
        reason = str(error)[:80]
        message = f"the proxy {proxy} does not lead to {place}: {reason}; check the proxy and its credentials"
        raise NetworkFailure(message) from None
    except _FAILURES as error:
        met = not isinstance(error, httpcore.ConnectError | httpcore.ConnectTimeout) or _find_tls_error(error)
        raise _explain(error, f"the proxy {proxy}" if proxy and not met else place) from None
    response = httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer, place))
    if response.has_redirect_location and not _can_be_read(url, response.headers["location"]):
        await response.aclose()
        raise SourceError(f"{place} redirects to something that is no http or https address; check the address")
    return response


def _can_be_read(source: httpx.URL, location: str) -> bool:
    """httpx reads Location even where it does not follow, and fails in ways of its own where that is no URL."""
    try:
        given, target = httpx.URL(location), source.join(location)
        return bool(target.host) and bool(given.host or not given.scheme)
    except (httpx.InvalidURL, ValueError):
        return False


def create_context(ca_file: str = "") -> ssl.SSLContext:
    """Trusts the certificates of `ca_file`, or else the system's, or else the bundled ones. Reads files."""
    if not ca_file:
        context = ssl.create_default_context()
        if not context.cert_store_stats()["x509_ca"] and not _has_files(ssl.get_default_verify_paths().capath):
            context.load_verify_locations(certifi.where())
        return context
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise SourceError(f"api.caCertPath: {ca_file} holds no certificates in PEM form") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise SourceError(f"api.caCertPath: {ca_file!r} cannot be read: {reason}") from error


def _has_files(folder: str | None) -> bool:
    return folder is not None and any(Path(folder).iterdir())


def name_place(url: httpx.URL) -> str:
    """The host of an address, with the port where one is given."""
    return url.netloc.decode("ascii")


def _explain(error: Exception, place: str) -> NetworkFailure:
    """What the operator is told, without the texts of the libraries: those may quote headers."""
    if (tls := _find_tls_error(error)) is not None:
        return _explain_tls(tls, place)
    match error:
        case httpcore.ConnectTimeout():
            return NetworkFailure(f"{place} cannot be reached in time; check the address and the firewalls on the way")
        case httpcore.TimeoutException():
            return NetworkFailure(f"{place} fell silent; try again later, or raise the source's timeout")
        case httpcore.ConnectError():
            reason = next((e.strerror for e in _chain(error) if isinstance(e, OSError) and e.strerror), "no connection")
            return NetworkFailure(f"cannot connect to {place}: {reason}; check the address and that the server runs")
        case httpcore.LocalProtocolError():
            return NetworkFailure(
                "the request cannot be sent: a header holds characters that HTTP does not allow;"
                " check api.headers and the file that api.authTokenFile names",
                retryable=False,
            )
        case httpcore.RemoteProtocolError() if "disconnected" in str(error) or "closed connection" in str(error):
            return NetworkFailure(f"{place} closed the connection before its answer was complete; try again later")
        case httpcore.RemoteProtocolError():
            return NetworkFailure(f"{place} does not answer in HTTP; check the address and its port")
        case _:
            return NetworkFailure(f"the connection to {place} broke; try again later")


def _explain_tls(error: ssl.SSLError, place: str) -> NetworkFailure:
    if not isinstance(error, ssl.SSLCertVerificationError):
        reason = (error.reason or "the connection was closed").replace("_", " ").lower()
        return NetworkFailure(f"no TLS connection to {place}: {reason}; check that https and the port are right")
    hint = (
        "check the host name in the address"
        if error.verify_code in _NAME_MISMATCHES
        else "add the authority that issued it to the system's certificates, or name it in api.caCertPath"
    )
    message = f"the certificate of {place} is not accepted: {error.verify_message.rstrip('.')}; {hint}"
    return NetworkFailure(message, retryable=False)


def _find_tls_error(error: BaseException) -> ssl.SSLError | None:
    return next((cause for cause in _chain(error) if isinstance(cause, ssl.SSLError)), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, innermost last."""
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__
