"""How much a stream may take: of a connection, of a process, of the time of who waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamLimits:
    per_connection: int = 20
    """Operations under way on one WebSocket."""

    per_process: int = 2000
    """WebSockets, and answers as server-sent events, each; also the operations of all WebSockets together."""

    send_seconds: float = 30.0
    """In which a client must take a message; who is slower is dropped, and goes on later with the last cursor."""

    init_seconds: float = 10.0
    """In which a WebSocket must send connection_init."""

    farewell_seconds: float = 1.0
    """In which the end of an answer is sent to a client who may not read any more."""
