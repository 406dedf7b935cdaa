"""The one tree of domain errors.

    AppError
    ├── Invalid            the caller sent something that cannot be used (REST 400)
    │   ├── TooLarge       more than is taken (REST 413)
    │   └── InvalidDocument a server.json that breaks rules; `issues` lists them all (REST 400 or 422, by contract)
    ├── Unauthenticated    no identity, or one that could not be checked (REST 401)
    ├── Forbidden          known, but not allowed (REST 403)
    ├── NotFound           absent, or hidden from this viewer (REST 404)
    │   ├── RegistryNotFound
    │   └── SourceNotFound
    ├── Conflict           clashes with what is stored (REST 409)
    ├── Unsupported        a part of the contract this registry does not offer (REST 501)
    ├── Unavailable        a part the server needs is away; worth another try (REST 503)
    ├── SourceError        a source could not be fetched or read; kept in its sync run, never sent as an answer
    └── ConfigError        the configuration cannot be used; `problems` lists every reason

Each message is written for the person who reads it and is safe to show. Transports map a class to their own codes,
once: app/rest/errors.py and app/graphql/errors.py. This module knows neither HTTP nor GraphQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class AppError(Exception):
    """A refusal the caller may read. `code` is the stable machine word for it."""

    code = "INTERNAL"


class Invalid(AppError):
    code = "BAD_USER_INPUT"


class TooLarge(Invalid):
    code = "PAYLOAD_TOO_LARGE"


class InvalidDocument(Invalid):
    """`issues` are those of app.models.documents, errors and warnings."""

    code = "VALIDATION_FAILED"

    def __init__(self, message: str, issues: Sequence[Any]) -> None:
        super().__init__(message)
        self.issues = tuple(issues)


class Unauthenticated(AppError):
    code = "UNAUTHENTICATED"


class Forbidden(AppError):
    code = "FORBIDDEN"


class NotFound(AppError):
    code = "NOT_FOUND"


class RegistryNotFound(NotFound):
    code = "REGISTRY_NOT_FOUND"


class SourceNotFound(NotFound):
    code = "SOURCE_NOT_FOUND"


class Conflict(AppError):
    code = "CONFLICT"


class Unsupported(AppError):
    code = "NOT_IMPLEMENTED"


class Unavailable(AppError):
    """`reason` is for the operator's eyes: logs and the command line show it, answers do not."""

    code = "UNAVAILABLE"

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason


class SourceError(AppError):
    code = "SOURCE_FAILED"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the configuration.

    `path` is the YAML path (`sources[0].git.repository`) or the environment variable's name; `line` counts from 1 and
    is None where the value does not stand in the file; `fix` says what to write instead.
    """

    path: str
    message: str
    fix: str = ""
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line is not None else ""
        fix = f" ({self.fix})" if self.fix else ""
        return f"{where}{self.path}: {self.message}{fix}"


class ConfigError(AppError):
    code = "INVALID_CONFIGURATION"

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
