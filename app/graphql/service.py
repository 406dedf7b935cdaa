"""The server itself as GraphQL types: what is running, and who synchronises."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import strawberry

from app.graphql.context import GraphQLInfo
from app.models.views import WorkerView
from app.resolvers.context import Ctx
from app.resolvers.service import QueueView, check_ready, find_database_version, get_start, get_version


@strawberry.enum(description="Who synchronises the sources.")
class Scheduler(Enum):
    IN_PROCESS = strawberry.enum_value("IN_PROCESS", description="Every server process, beside answering.")
    WORKERS = strawberry.enum_value("WORKERS", description="Workers of their own, which take jobs from a queue.")


@strawberry.type(description="The queue that workers take their jobs from.")
class Queue:
    reachable: bool = strawberry.field(description="Whether it answers.")
    message: str = strawberry.field(description="What an operator should look into; empty if all is well.")


@strawberry.type(description="A worker process, as it last reported itself.")
class Worker:
    name: str = strawberry.field(description="The name it goes by.")
    seen_at: datetime = strawberry.field(description="When it last reported itself.")
    jobs_complete: int = strawberry.field(description="How many jobs it has done since it started.")
    jobs_failed: int = strawberry.field(description="How many of its jobs failed.")
    jobs_retried: int = strawberry.field(description="How many of its jobs had to be tried again.")
    jobs_ongoing: int = strawberry.field(description="How many jobs it is at.")

    @classmethod
    def of(cls, view: WorkerView) -> Worker:
        counts = ("jobs_complete", "jobs_failed", "jobs_retried", "jobs_ongoing")
        return cls(name=view.name, seen_at=view.seen_at, **{name: getattr(view, name) for name in counts})


@strawberry.enum(description="Who runs the database.")
class StorageKind(Enum):
    EMBEDDED = strawberry.enum_value("EMBEDDED", description="The server itself, beside its own data.")
    EXTERNAL = strawberry.enum_value("EXTERNAL", description="Somebody else: it is named in the configuration.")


@strawberry.type(description="The database that holds the catalogue.")
class Storage:
    kind: StorageKind = strawberry.field(description="Who runs it.")

    @strawberry.field(description="The version of PostgreSQL.")
    async def version(self, info: GraphQLInfo) -> str:
        return await find_database_version(info.context.ctx)


@strawberry.type(description="This server.")
class ServiceInfo:
    version: str = strawberry.field(description="The release.")
    commit: str = strawberry.field(description="The commit it was built from.")
    scheduler: Scheduler = strawberry.field(description="Who synchronises the sources.")

    @classmethod
    def of(cls, ctx: Ctx) -> ServiceInfo:
        found = get_version()
        scheduler = Scheduler.IN_PROCESS if ctx.queue is None else Scheduler.WORKERS
        return cls(version=found.version, commit=found.commit, scheduler=scheduler)

    @strawberry.field(description="When the process that answers was started.")
    def started_at(self) -> datetime:
        return get_start()

    @strawberry.field(description="The database; null if it does not answer.")
    def storage(self, info: GraphQLInfo) -> Storage | None:
        embedded = info.context.ctx.embedded
        return Storage(kind=StorageKind.EMBEDDED if embedded else StorageKind.EXTERNAL)

    @strawberry.field(description="The catalogue's revision: it grows with every change.")
    async def revision(self, info: GraphQLInfo) -> int | None:
        return await check_ready(info.context.ctx)

    @strawberry.field(description="The queue of jobs; null where the server processes synchronise.")
    async def queue(self, info: GraphQLInfo) -> Queue | None:
        found = await _find_queue(info)
        return None if found is None else Queue(reachable=found.reachable, message=found.message)

    @strawberry.field(description="The workers that reported themselves lately, by name; none if the queue is away.")
    async def workers(self, info: GraphQLInfo) -> list[Worker]:
        found = await _find_queue(info)
        return [] if found is None else [Worker.of(view) for view in found.workers]


async def _find_queue(info: GraphQLInfo) -> QueueView | None:
    return await info.context.loaders.queue.load("queue")
