"""What the payloads of mutations share: the errors they carry, and which domain errors those are.

A refusal that is part of the business (the name is unknown, the document breaks a rule) stands in the payload, so that
a user interface can show it beside its input. What could never be right (a malformed request, an unknown id), who may
not ask at all, and every defect, is an error of the operation.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import strawberry

from app.core.errors import (
    AlreadyExists,
    AppError,
    ConfigOwned,
    Conflict,
    InUse,
    Invalid,
    InvalidDocument,
    NotFound,
    NotManaged,
    Refusals,
    RegistryNeeded,
    SourceError,
    Unavailable,
    Unsupported,
)
from app.models.documents import Issue, Severity

T = TypeVar("T")

MAX_ERRORS: Final = 100
"""Errors of one payload; a document may break thousands of rules."""

MAX_MESSAGE: Final = 2_000
"""Characters of one message; what it quotes of the input may be as long as the request."""

_STEP: Final = re.compile(r'\["(?P<quoted>.*?)"\](?=$|[.\[])|\[(?P<index>[0-9]+)\]|(?P<key>[^.\[]+)')


@strawberry.enum(description="Why something was refused.")
class ErrorCode(Enum):
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="There is nothing of that name.")
    ALREADY_EXISTS = strawberry.enum_value(
        "ALREADY_EXISTS",
        description="The name is taken. For a server: the very same document is published already, and is returned.",
    )
    CONFLICT = strawberry.enum_value("CONFLICT", description="It clashes with how things stand; look again.")
    INVALID = strawberry.enum_value("INVALID", description="The value cannot be used, or makes no sense here.")
    VALIDATION_FAILED = strawberry.enum_value("VALIDATION_FAILED", description="The server.json breaks a rule.")
    NOT_MANAGED = strawberry.enum_value(
        "NOT_MANAGED", description="The registry has no managed source, so nothing can be written to it."
    )
    REGISTRY_REQUIRED = strawberry.enum_value(
        "REGISTRY_REQUIRED", description="Several registries can be written to; name one of them."
    )
    CONFIG_OWNED = strawberry.enum_value(
        "CONFIG_OWNED", description="The configuration file owns it; it can only be changed there."
    )
    IN_USE = strawberry.enum_value("IN_USE", description="A registry still lists it.")
    NOT_SUPPORTED = strawberry.enum_value("NOT_SUPPORTED", description="This server does not offer it.")
    SOURCE_FAILED = strawberry.enum_value("SOURCE_FAILED", description="The source could not be fetched or read.")
    UNAVAILABLE = strawberry.enum_value("UNAVAILABLE", description="Not possible at the moment; try again.")


@strawberry.type(description="Why a mutation did not do what it was asked for.")
class UserError:
    field: list[str] | None = strawberry.field(
        description="The path of what is at fault, from the input's field inwards, e.g."
        ' `["document", "packages", "0", "identifier"]`; null if nothing of the input is.'
    )
    message: str = strawberry.field(description="What is wrong, in a sentence to show.")
    code: ErrorCode = strawberry.field(description="What is wrong, for programs.")


_CODES: dict[type[AppError], ErrorCode] = {
    NotFound: ErrorCode.NOT_FOUND,
    ConfigOwned: ErrorCode.CONFIG_OWNED,
    NotManaged: ErrorCode.NOT_MANAGED,
    AlreadyExists: ErrorCode.ALREADY_EXISTS,
    InUse: ErrorCode.IN_USE,
    Conflict: ErrorCode.CONFLICT,
    Invalid: ErrorCode.INVALID,
    RegistryNeeded: ErrorCode.REGISTRY_REQUIRED,
    Unsupported: ErrorCode.NOT_SUPPORTED,
    SourceError: ErrorCode.SOURCE_FAILED,
    Unavailable: ErrorCode.UNAVAILABLE,
}
"""Special kinds before the general: the first that fits counts."""

_NOBODYS_FAULT = (ErrorCode.NOT_SUPPORTED, ErrorCode.SOURCE_FAILED, ErrorCode.UNAVAILABLE)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[T]):
    """What came of a piece of work: its result, or why it was refused; `existing` is what is there instead."""

    result: T | None
    errors: list[UserError]
    existing: Any = None


async def attempt(work: Awaitable[T], at_fault: str | None = None) -> Attempt[T]:
    """Do the work. `at_fault` is the input field that a refusal is about if the refusal itself does not tell."""
    path = () if at_fault is None else (at_fault,)
    try:
        return Attempt(await work, [])
    except tuple(_CODES) as refusal:
        errors = list(_tell(refusal, path))
        if len(errors) > MAX_ERRORS:
            more = f"and {len(errors) - MAX_ERRORS} more errors"
            errors[MAX_ERRORS:] = [UserError(field=list(path) or None, message=more, code=errors[-1].code)]
        return Attempt(None, errors, refusal.existing if isinstance(refusal, AlreadyExists) else None)


def _tell(refusal: AppError, at_fault: tuple[str | int, ...]) -> Iterator[UserError]:
    """Every refusal that the error stands for."""
    if isinstance(refusal, InvalidDocument):
        issues = [issue for issue in refusal.issues if issue.severity is Severity.ERROR]
        yield from (_tell_issue(issue) for issue in issues)
    elif isinstance(refusal, Refusals):
        for error in refusal.errors:
            yield from _tell(error, at_fault)
    else:
        code = next(code for kind, code in _CODES.items() if isinstance(refusal, kind))
        path = refusal.where or (() if code in _NOBODYS_FAULT else at_fault)
        yield UserError(field=[str(part) for part in path] or None, message=_word(refusal), code=code)


def _word(refusal: AppError) -> str:
    if isinstance(refusal, RegistryNeeded):
        return f"this server has several managed registries; name one of them: {', '.join(refusal.registries)}"
    return _shorten(str(refusal))


def _shorten(message: str) -> str:
    return message if len(message) <= MAX_MESSAGE else f"{message[:MAX_MESSAGE]}…"


def _tell_issue(issue: Issue) -> UserError:
    path = ["document", *split_path(issue.path)]
    return UserError(field=path, message=_shorten(issue.message), code=ErrorCode.VALIDATION_FAILED)


def split_path(path: str) -> list[str]:
    """The parts of a JSON path: `packages[0].identifier` is packages, 0, identifier; `_meta["com.example/x"]` is
    _meta, com.example/x.
    """
    return [next(part for part in found.groups() if part is not None) for found in _STEP.finditer(path)]
