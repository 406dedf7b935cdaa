"""How Redis is reached: signing in, TLS, sentinels, and what becomes of a command while Redis is away.

Owns the pool of connections and the one log line for each change between away and back. Knows no job.

arq's own pool is not used: it hands no authorities to TLS, checks no host name, speaks plainly to sentinels, and its
worker ends with the first connection lost.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import orjson
import structlog
from arq.connections import ArqRedis
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import ExponentialBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, RedisError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from app.core.settings import RedisSettings

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 2.0
"""How long Redis may take for one answer."""

FAILURES = (RedisError, OSError)
_LOST = (RedisConnectionError, RedisTimeoutError, OSError)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0

T = TypeVar("T")


class Presence:
    """Whether Redis is there, as those that share this last saw it. `ending`: nobody waits for it any more."""

    def __init__(self, settings: RedisSettings) -> None:
        self.ending = False
        self._place = ",".join(settings.sentinels) or f"{settings.host}:{settings.port}"
        self._told: set[str] = set()

    def lost(self, error: BaseException) -> None:
        reason = explain(error)
        if reason not in self._told:
            self._told.add(reason)
            log.warning("queue_away", redis=self._place, reason=reason)

    def found(self) -> None:
        if self._told:
            self._told.clear()
            log.info("queue_back", redis=self._place)


class Patience(Retry):
    """Repeats a command until Redis answers; arq's worker would end otherwise, and forget what it runs.

    redis-py nests its retries (a command connects, a connection asks the sentinels): only the outermost waits, so that
    each round starts anew with the sentinels. A wait that is cut off means that the process ends: no other begins.
    """

    def __init__(self, presence: Presence) -> None:
        super().__init__(ExponentialBackoff(cap=_LONGEST_PAUSE, base=_FIRST_PAUSE), -1)
        self._presence = presence
        self._waiting = False

    def __deepcopy__(self, _: dict[int, Any]) -> Patience:
        return Patience(self._presence)  # each connection copies its own; the presence stays shared

    async def call_with_retry(self, do: Callable[[], Awaitable[T]], fail: Callable[[Any], Any]) -> T:
        if self._waiting:
            return await self._try(do, fail)
        self._waiting = True
        try:
            return await self._persist(do, fail)
        except asyncio.CancelledError:
            self._presence.ending = True
            raise
        finally:
            self._waiting = False

    async def _persist(self, do: Callable[[], Awaitable[T]], fail: Callable[[Any], Any]) -> T:
        failures = 0
        while True:
            try:
                return await self._try(do, fail)
            except _LOST as error:
                self._presence.lost(error)
                if self._presence.ending:
                    raise
            failures = min(failures + 1, 20)
            await asyncio.sleep(self._backoff.compute(failures))

    async def _try(self, do: Callable[[], Awaitable[T]], fail: Callable[[Any], Any]) -> T:
        try:
            return await do()
        except _LOST as error:
            await fail(error)
            raise


class _Login(CredentialProvider):
    """Asked for each connection, so that a password that changes in its file is taken up."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        user, password = self._settings.username, self._read_password()
        return (user, password) if user else (password,)

    def _read_password(self) -> str:
        path = self._settings.password_file
        if not path:
            return self._settings.password.get_secret_value() if self._settings.password else ""
        try:
            return Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise AuthenticationError(f"redis.passwordFile {path} cannot be read: {reason}") from error


class _Waiting(Connection):
    """Signing in is part of what is repeated; redis-py repeats the mere TCP connection."""

    async def connect(self) -> None:
        await self.retry.call_with_retry(super().connect, lambda _: self.disconnect())


class _Trusting(SSLConnection):
    """Trusts the given authorities and no others; redis-py adds them to the system's."""

    def _connection_arguments(self) -> Mapping[str, Any]:
        if self.ca_certs and self.ssl_context.context is None:
            self.ssl_context.context = ssl.create_default_context(cafile=self.ca_certs)
        return super()._connection_arguments()


class _WaitingTLS(_Waiting, _Trusting):
    pass


class _SentinelTLS(SentinelManagedSSLConnection, _Trusting):
    pass


def open_redis(settings: RedisSettings, presence: Presence, *, patient: bool) -> ArqRedis:
    """A pool that connects when it is first used. End it with `close_redis`.

    Patient, its commands wait for Redis as long as it takes; otherwise they fail after `ANSWER_SECONDS`.
    """

    async def greet(connection: Any) -> None:
        await connection.on_connect()
        presence.found()

    arguments: dict[str, Any] = {"redis_connect_func": greet, "db": settings.database, **_timeouts()}
    if settings.username or settings.password or settings.password_file:
        arguments["credential_provider"] = _Login(settings)
    if patient:
        arguments |= {"retry": Patience(presence), "retry_on_error": list(_LOST)}
    redis = ArqRedis(_open_pool(settings, arguments))
    redis.job_serializer, redis.job_deserializer = write_json, orjson.loads
    redis.default_queue_name = settings.queue
    return redis


def write_json(value: Any) -> bytes:
    """JSON in place of arq's pickle, with which whoever can write to Redis could run code here."""
    return orjson.dumps(value, default=repr)


async def close_redis(redis: ArqRedis) -> None:
    await redis.aclose(close_connection_pool=True)
    manager = getattr(redis.connection_pool, "sentinel_manager", None)
    for sentinel in manager.sentinels if manager else ():
        await sentinel.aclose(close_connection_pool=True)


def explain(error: BaseException) -> str:
    """What an operator needs to know of a failure, in one line."""
    if isinstance(error, AuthenticationError):
        return f"Redis refuses the login: {error}: check redis.username and redis.passwordFile (or redis.password)"
    if isinstance(error, TimeoutError | RedisTimeoutError):
        return f"no answer within {ANSWER_SECONDS:g} s"
    return " ".join(str(error).split()) or type(error).__name__


def _timeouts() -> dict[str, Any]:
    return {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}


def _open_pool(settings: RedisSettings, arguments: dict[str, Any]) -> ConnectionPool:
    tls = _tls(settings) if settings.uses_tls else {}
    if not settings.sentinels:
        made = _WaitingTLS if tls else _Waiting
        return ConnectionPool(connection_class=made, host=settings.host, port=settings.port, **arguments, **tls)
    secured = {"ssl": True, **tls} if tls else {}
    sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py leaves its sentinels untyped
        settings.sentinel_addresses, sentinel_kwargs={**_timeouts(), **secured}
    )
    managed = _SentinelTLS if tls else SentinelManagedConnection
    named: dict[str, Any] = {"connection_class": managed, **arguments, **tls}
    return SentinelConnectionPool(settings.sentinel_master, sentinel, **named)  # type: ignore[no-untyped-call]  # the same


def _tls(settings: RedisSettings) -> dict[str, Any]:
    return {
        "ssl_cert_reqs": "required",
        "ssl_check_hostname": True,
        "ssl_ca_certs": settings.ca_cert_path or None,
    }
