"""The queue of jobs against a real Redis: what is stored, what is refused, and what an absent Redis does to callers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.core.errors import Unavailable
from app.core.settings import RedisSettings
from app.models.views import DueSource
from tests.redisserver import RedisServer, running_redis
from tests.webserver import make_certificate, serve_tls
from tests.workers.stage import until
from workers.connection import Presence, close_redis, open_redis
from workers.queue import CLAIM_SECONDS, RedisQueue

DUE = DueSource(7, "team", "k1")


@asynccontextmanager
async def queueing(settings: RedisSettings) -> AsyncIterator[RedisQueue]:
    queue = RedisQueue(settings)
    try:
        yield queue
    finally:
        await queue.close()


async def test_jobs_are_stored_once_and_as_json(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server, server.client() as client:
        async with queueing(server.settings()) as queue:
            assert await queue.enqueue([DUE, DueSource(8, "x", "k1")]) == 2
            assert await queue.enqueue([DUE]) == 0
            assert await queue.enqueue([DueSource(7, "team", "k2")]) == 1
        stored = client.get("arq:job:thv-registry-api:sync:7:k2")
        assert isinstance(stored, bytes)
        job = json.loads(stored)
        assert (job["f"], job["a"], job["k"]) == ("sync_source", [7], {})
        queued = client.zrange("thv-registry-api", 0, -1)
        assert isinstance(queued, list)
        # the newer key of a source takes the place of the older
        assert set(queued) == {b"thv-registry-api:sync:8:k1", b"thv-registry-api:sync:7:k2"}


async def test_queues_that_share_a_redis_do_not_mix(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        async with queueing(server.settings()) as one, queueing(server.settings(queue="other")) as other:
            assert await one.enqueue([DUE]) == 1
            assert await other.enqueue([DUE]) == 1


@pytest.mark.parametrize(("age", "freed"), [(5, False), (60, True)])
async def test_claim_of_a_worker_that_died_before_it_leased_the_source_is_dropped(
    tmp_path: Path, age: int, freed: bool
) -> None:
    with running_redis(tmp_path) as server, server.client() as client:
        async with queueing(server.settings()) as queue:
            await queue.enqueue([DUE])
            claim = "arq:in-progress:thv-registry-api:sync:7:k1"
            client.psetex(claim, (CLAIM_SECONDS - age) * 1000, b"1")
            assert await queue.enqueue([DUE]) == 0
        assert bool(client.exists(claim)) is not freed


async def test_absent_redis_is_unavailable_and_told_once(tmp_path: Path) -> None:
    server = RedisServer(tmp_path)
    with capture_logs() as told:
        async with queueing(server.settings()) as queue:
            for _ in range(3):
                with pytest.raises(Unavailable) as refused:
                    await queue.enqueue([DUE])
            assert str(server.port) in refused.value.reason
            with pytest.raises(Unavailable):
                await queue.list_workers()
            server.start()
            try:
                assert await queue.enqueue([DUE]) == 1
                assert await queue.list_workers() == ()
            finally:
                server.kill()
    assert [line["event"] for line in told] == ["queue_away", "queue_back"]


async def test_hanging_redis_blocks_nobody(tmp_path: Path) -> None:
    with running_redis(tmp_path) as server:
        async with queueing(server.settings()) as queue:
            await queue.enqueue([DUE])
            server.hang()
            begun = time.monotonic()
            with pytest.raises(Unavailable) as refused:
                await queue.enqueue([DueSource(7, "team", "k2")])
            assert time.monotonic() - begun < 10
            assert "no answer within 2 s" in refused.value.reason
            server.resume()
            assert await queue.list_workers() == ()


async def test_password_is_read_anew_from_its_file_for_each_connection(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    with running_redis(tmp_path, requirepass="first") as server:
        settings = server.settings(password_file=str(secret))
        async with queueing(settings) as queue:
            with pytest.raises(Unavailable, match="not reachable") as refused:
                await queue.enqueue([DUE])
            assert f"redis.passwordFile {secret} cannot be read" in refused.value.reason
            secret.write_text("wrong\n")
            with pytest.raises(Unavailable) as refused:
                await queue.enqueue([DUE])
            assert "check redis.username and redis.passwordFile" in refused.value.reason
            assert "wrong" not in refused.value.reason.replace("WRONGPASS", "")
            secret.write_text("first\n")
            assert await queue.enqueue([DUE]) == 1


async def test_patient_commands_wait_for_redis_and_for_its_password(tmp_path: Path) -> None:
    server = RedisServer(tmp_path, requirepass="right")
    secret = tmp_path / "password"
    secret.write_text("wrong")
    settings = server.settings(password_file=str(secret))
    redis = open_redis(settings, Presence(settings), patient=True)
    with capture_logs() as told:
        waiting = asyncio.ensure_future(redis.ping())
        try:
            await until(lambda: told, "the first failure")
            server.start()
            await until(lambda: "login" in told[-1].get("reason", ""), "the refused password")
            assert not waiting.done()
            secret.write_text("right")
            assert await asyncio.wait_for(waiting, 30)
        finally:
            waiting.cancel()
            server.kill()
            await close_redis(redis)
    assert told[-1]["event"] == "queue_back"


@asynccontextmanager
async def tls_before(server: RedisServer, certificate: Path, host: str = "127.0.0.1") -> AsyncIterator[int]:
    """TLS in front of Redis, which is built without: only the encryption is added. Yields the port."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", server.port)
        await asyncio.gather(pump(reader, outer), pump(inner, writer), return_exceptions=True)

    listening = await asyncio.start_server(accept, host, 0, ssl=serve_tls(certificate))
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def test_tls_trusts_the_given_authority_alone_and_checks_the_host(tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)

    def settings(host: str, **more: Any) -> RedisSettings:
        return RedisSettings(url=f"rediss://{host}:{port}/0", **more)

    with running_redis(tmp_path) as server:
        async with tls_before(server, certificate) as port:
            async with queueing(settings("127.0.0.1", ca_cert_path=str(certificate))) as queue:
                assert await queue.enqueue([DUE]) == 1
            async with queueing(settings("127.0.0.1")) as queue:
                with pytest.raises(Unavailable) as refused:
                    await queue.enqueue([DUE])
                assert "certificate verify failed" in refused.value.reason
        async with tls_before(server, certificate, "127.0.0.2") as port:
            elsewhere = settings("127.0.0.2", ca_cert_path=str(certificate))
            async with queueing(elsewhere) as queue:
                with pytest.raises(Unavailable) as refused:
                    await queue.enqueue([DUE])
            assert "IP address mismatch" in refused.value.reason
