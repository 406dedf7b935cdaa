"""Connections of clients, below HTTP's requests: how long a head may be and may take, offers of other protocols, an end
for those who take nothing any more. It is what uvicorn leaves open, in classes of its own kind.

Bodies are bounded where they are read (app.core.bodies), messages on WebSockets by uvicorn.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

MAX_HEAD_BYTES: Final = 128 * 1024
"""Of what has come and is neither body nor a whole head. The parser's time grows with its square; URLs it reads up to
64 KiB anyway.
"""

HEAD_SECONDS: Final = 30.0
"""In which a head must arrive once it, or the connection, has begun."""

LINGER_SECONDS: Final = 5

_OFFERS: Final = (b"upgrade", b"http2-settings")
_TOO_LONG: Final = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\naccess-control-allow-origin: *\r\ncontent-length: 0\r\n"
    b"connection: close\r\n\r\n"
)


class HttpConnection(HttpToolsProtocol):
    """Cuts off clients whose heads are too long or too slow. Whoever offers to go on in a protocol that is not spoken
    here, as Java's client offers HTTP/2, is served as if he had not; the parser would drop his body.
    """

    _unread = 0
    _is_in_head = True
    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._start_patience()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_patience()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        self._unread += len(data)
        while data:
            data = self._feed(data)
        if self.transport.is_closing():
            return
        if self._unread > MAX_HEAD_BYTES:
            self._refuse()
        elif self._unread and self._is_in_head:
            self._start_patience()

    def _feed(self, data: bytes) -> bytes:
        """What is to be fed next: after a declined offer the same request without it."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as offer:
            if self._should_upgrade():
                self._unread = 0
                self.handle_websocket_upgrade()
            elif self.scope["method"] == "CONNECT":
                self.send_400_response("This server is no proxy.")
            else:
                head, self.parser = self._head_without_offer(), httptools.HttpRequestParser(self)
                return head + data[offer.args[0] :]
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
        return b""

    def _should_upgrade(self) -> bool:
        return self.scope["method"] == "GET" and super()._should_upgrade()

    def _head_without_offer(self) -> bytes:
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        for name, value in self.headers:
            kept = value
            if name == b"connection":
                kept = b", ".join(part for part in value.split(b",") if part.strip().lower() not in _OFFERS)
            if kept and name not in _OFFERS:
                lines.append(b"%s: %s" % (name, kept))
        return b"\r\n".join([*lines, b"", b""])

    def on_headers_complete(self) -> None:
        self._unread, self._is_in_head = 0, False
        self._end_patience()
        self.scope["method"] = self.parser.get_method().decode("ascii")
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unread = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unread, self._is_in_head = 0, True
        if not self.parser.should_upgrade():
            super().on_message_complete()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _refuse(self) -> None:
        if not self._is_answering:
            self.transport.write(_TOO_LONG)
        self.transport.close()

    def _start_patience(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(HEAD_SECONDS, self._lose_patience)

    def _end_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _lose_patience(self) -> None:
        self._patience = None
        if self._is_answering:
            self._start_patience()
        else:
            self.transport.close()


class WebSocketConnection(WebSocketsSansIOProtocol):
    """A connection that does not outlive a client who takes nothing any more.

    The close frame goes behind what the client has not taken yet; after a short time he is cut off. uvicorn would wait
    for him to take it all.
    """

    async def send(self, message: Any) -> None:
        if message["type"] == "websocket.close":
            self.writable.set()
            self.loop.call_later(LINGER_SECONDS, self.transport.abort)
        await super().send(message)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.transport.abort()
