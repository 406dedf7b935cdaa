"""The schema: its roots, and how every operation comes to be executed, whichever transport brings it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextvars import ContextVar
from typing import Any

import strawberry
from graphql import GraphQLError
from graphql import OperationType as Kind
from strawberry.extensions import SchemaExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types import ExecutionContext, ExecutionResult
from strawberry.types.execution import PreExecutionError

from app.graphql.changes import CatalogChange
from app.graphql.errors import Refusal, log_errors
from app.graphql.mutations import Mutation
from app.graphql.options import Options
from app.graphql.preparation import Operation, Preparation, Request, tell_cost
from app.graphql.queries import Query
from app.graphql.registries import Registry
from app.graphql.runs import SyncRun
from app.graphql.servers import Server, ServerVersion
from app.graphql.sources import Source
from app.graphql.subscriptions import Subscription

_ROOTS: dict[str, Any] = {
    "query": Query,
    "mutation": Mutation,
    "subscription": Subscription,
    "types": [CatalogChange, Server, ServerVersion, Registry, Source, SyncRun],
}

_admitted: ContextVar[Operation] = ContextVar("admitted")
"""From the preparation to the extension below, which Strawberry makes anew for each operation, without arguments."""


class Schema(strawberry.Schema):
    """Operations are prepared before Strawberry sees them; one that is refused is answered with PreExecutionError."""

    def __init__(self, options: Options) -> None:
        config = StrawberryConfig(auto_camel_case=True, disable_field_suggestions=not options.limits.introspection)
        super().__init__(**_ROOTS, config=config, extensions=[lambda: _HandOver(_admitted.get(), options)])
        self.options = options
        self._preparation = Preparation(
            self._schema, options.limits, options.trusted, trusted_only=options.trusted_only
        )

    async def execute(self, query: str | None, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Runs a query or a mutation; arguments beyond the text are taken by name."""
        refused = self._admit(query, kwargs, {Kind.QUERY, Kind.MUTATION})
        return refused or await super().execute(query, *args, **kwargs)

    async def stream(self, query: str | None, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        """Runs any operation; a query or a mutation gives one result."""
        refused = self._admit(query, kwargs, set(Kind))
        return _once(refused) if refused else await super().stream(query, *args, **kwargs)

    def _admit(self, query: str | None, given: dict[str, Any], kinds: set[Kind]) -> PreExecutionError | None:
        allowed = given.get("allowed_operation_types")
        request = Request(
            text=query,
            variables=given.get("variable_values") or {},
            operation_name=given.get("operation_name"),
            kinds=kinds if allowed is None else kinds & {Kind(one.value) for one in allowed},
        )
        try:
            _admitted.set(self._preparation.prepare(request))
        except Refusal as refusal:
            extensions = None if refusal.extensions is None else dict(refusal.extensions)
            return PreExecutionError(data=None, errors=list(refusal.errors), extensions=extensions)
        return None

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Logs defects only; Strawberry would log a client's typing mistakes with a traceback, too."""
        log_errors(errors)


class _HandOver(SchemaExtension):
    """Gives Strawberry the document that was prepared, so that it neither parses nor validates again."""

    def __init__(self, operation: Operation, options: Options) -> None:
        self._operation = operation
        self._most = options.limits.max_cost

    def on_parse(self) -> Iterator[None]:
        self.execution_context.graphql_document = self._operation.document
        yield

    def on_validate(self) -> Iterator[None]:
        self.execution_context.pre_execution_errors = []
        yield

    def get_results(self) -> dict[str, Any]:
        return tell_cost(self._operation.cost, self._most)


async def _once(result: ExecutionResult) -> AsyncGenerator[ExecutionResult, None]:
    yield result


def build_schema(options: Options | None = None) -> Schema:
    return Schema(options or Options())


def print_sdl() -> str:
    """The schema in the schema definition language, as committed in frontend-schema/schema.graphql."""
    return build_schema().as_str() + "\n"
