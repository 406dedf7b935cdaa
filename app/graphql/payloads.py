"""What the payloads of mutations share: the errors they carry, and which domain errors those are.

A refusal that is part of the business (the name is unknown, a run is under way) stands in the payload, so that a user
interface can show it beside its input. What could never be right, and every defect, is an error of the operation.
"""

from __future__ import annotations

from collections.abc import Awaitable
from enum import Enum
from typing import TypeVar

import strawberry

from app.core.errors import AppError, Conflict, Invalid, NotFound, SourceError, Unavailable, Unsupported

T = TypeVar("T")


@strawberry.enum(description="Why something was refused.")
class ErrorCode(Enum):
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is nothing of that name.")
    CONFLICT = strawberry.enum_value("CONFLICT", description="It clashes with how things stand; look again.")
    INVALID = strawberry.enum_value("INVALID", description="It makes no sense for this object.")
    NOT_SUPPORTED = strawberry.enum_value("NOT_SUPPORTED", description="This registry does not offer it.")
    SOURCE_FAILED = strawberry.enum_value("SOURCE_FAILED", description="The source could not be fetched or read.")
    UNAVAILABLE = strawberry.enum_value("UNAVAILABLE", description="Not possible at the moment; try again.")


@strawberry.type(description="Why a mutation did not do what it was asked for.")
class UserError:
    field: list[str] | None = strawberry.field(
        description="The path of the input field that is at fault; null if none is."
    )
    message: str = strawberry.field(description="What is wrong, in a sentence to show.")
    code: ErrorCode = strawberry.field(description="What is wrong, for programs.")


_CODES: dict[type[AppError], ErrorCode] = {
    NotFound: ErrorCode.NOT_FOUND,
    Conflict: ErrorCode.CONFLICT,
    Invalid: ErrorCode.INVALID,
    Unsupported: ErrorCode.NOT_SUPPORTED,
    SourceError: ErrorCode.SOURCE_FAILED,
    Unavailable: ErrorCode.UNAVAILABLE,
}
_NOBODYS_FAULT = (ErrorCode.NOT_SUPPORTED, ErrorCode.SOURCE_FAILED, ErrorCode.UNAVAILABLE)


async def attempt(
    work: Awaitable[T], at_fault: str, *, conflicting: str | None = None
) -> tuple[T | None, list[UserError]]:
    """What the work yields, or why it was refused. `at_fault`: the input field that a refusal is about; `conflicting`
    the one that a conflict is about, if that is another.
    """
    try:
        return await work, []
    except tuple(_CODES) as error:
        code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
        field = conflicting if conflicting and code is ErrorCode.CONFLICT else at_fault
        path = None if code in _NOBODYS_FAULT else [field]
        return None, [UserError(field=path, message=str(error), code=code)]
