"""Connections for the HTTP client: only to addresses that were judged, and closed whatever happens."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

import httpcore

from app.sources.outbound import Outbound


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Connects where `outbound` allows; without one, anywhere: that is for proxies, which the operator names.

    A name is looked up once a connection, and the connection goes to the very addresses that were judged, one after
    the other, each with its share of the time. What was resolved and judged is never resolved again.
    """

    def __init__(self, outbound: Outbound | None) -> None:
        self._outbound = outbound
        self._sockets = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore prescribes it
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = (host,) if self._outbound is None else await self._outbound.resolve(host, port)
        share = timeout / len(addresses) if timeout else timeout
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return _Stream(await self._sockets.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        await self._sockets.sleep(seconds)


class _Stream(httpcore.AsyncNetworkStream):
    """A stream that is also closed when a TLS handshake is cancelled; httpcore's own would stay open."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - see above
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - see above
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - see above
    ) -> httpcore.AsyncNetworkStream:
        try:
            return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))
        except BaseException:
            await self._stream.aclose()
            raise

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
