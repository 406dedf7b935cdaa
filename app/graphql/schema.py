"""The schema: its roots, and how errors, names and limits are set."""

from __future__ import annotations

from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.exceptions import MissingQueryError
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, ParserCache, QueryDepthLimiter, ValidationCache
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types import ExecutionContext, ExecutionResult

from app.core.errors import Invalid
from app.graphql.errors import WrongMethod, log_errors
from app.graphql.mutations import Mutation
from app.graphql.queries import Query
from app.graphql.registries import Registry
from app.graphql.runs import SyncRun
from app.graphql.servers import Server, ServerVersion
from app.graphql.sources import Source

MAX_DEPTH = 20
MAX_ALIASES = 50
MAX_TOKENS = 2000


class Schema(strawberry.Schema):
    async def execute(self, *args: Any, **kwargs: Any) -> ExecutionResult:
        """Raises Invalid for what is no operation, or none that may come this way; the transport answers that."""
        try:
            return await super().execute(*args, **kwargs)
        except InvalidOperationTypeError as error:
            raise WrongMethod("only queries can be sent by GET; send mutations by POST") from error
        except CannotGetOperationTypeError as error:
            raise Invalid(error.as_http_error_reason()) from error
        except MissingQueryError as error:
            raise Invalid("query is missing: the text of the operation") from error

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Logs defects only; Strawberry would log a client's typing mistakes with a traceback, too."""
        log_errors(errors)


schema = Schema(
    query=Query,
    mutation=Mutation,
    types=[Server, ServerVersion, Registry, Source, SyncRun],
    config=StrawberryConfig(auto_camel_case=True),
    extensions=[
        lambda: QueryDepthLimiter(max_depth=MAX_DEPTH),
        lambda: MaxAliasesLimiter(max_alias_count=MAX_ALIASES),
        lambda: MaxTokensLimiter(max_token_count=MAX_TOKENS),
        ParserCache,
        ValidationCache,
    ],
)


def print_sdl() -> str:
    """The schema in the schema definition language, as committed in frontend-schema/schema.graphql."""
    return schema.as_str() + "\n"
