"""The composition root of the two ASGI applications: everything they consist of stands here as plain lists."""

from __future__ import annotations

import asyncio

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route, WebSocketRoute

from app.core.errors import AppError
from app.graphql.endpoint import GraphQLEndpoint
from app.graphql.explorer import ROUTES as EXPLORER
from app.graphql.schema import Schema, build_schema
from app.resolvers.context import Ctx
from app.rest.errors import answer_app_error, answer_http_error
from app.rest.middleware import Edge, RawPath
from app.rest.routes import OPERATIONS, ROUTES

HANDLERS = {AppError: answer_app_error, HTTPException: answer_http_error}


def create_app(ctx: Ctx, stopping: asyncio.Event, prefix: str = "", schema: Schema | None = None) -> Starlette:
    """The public application, at the root and under `prefix`. Once `stopping` is set, readiness is refused so that no
    new traffic is sent here. `schema` is that of the GraphQL API, if it is not the default one.
    """
    schema = schema or build_schema()
    explorer = EXPLORER if schema.options.explorer else []
    endpoint = GraphQLEndpoint(schema)
    graphql: list[BaseRoute] = [Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)]
    return _compose([*ROUTES, *graphql, *explorer], ctx, stopping, prefix)


def create_internal_app(ctx: Ctx, stopping: asyncio.Event) -> Starlette:
    """What only the operator's probes need, on a port of its own."""
    return _compose(OPERATIONS, ctx, stopping)


def _compose(routes: list[BaseRoute], ctx: Ctx, stopping: asyncio.Event, prefix: str = "") -> Starlette:
    middleware = [Middleware(Edge), Middleware(RawPath, prefix=prefix)]
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=HANDLERS)
    app.router.redirect_slashes = False
    app.state.ctx = ctx
    app.state.stopping = stopping
    return app
