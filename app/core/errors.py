"""The one tree of domain errors.

    AppError
    ├── Invalid            the caller sent something that cannot be used (REST 400)
    │   ├── TooLarge       more than is taken (REST 413)
    │   ├── Refusals       several things at once; `errors` lists them
    │   └── InvalidDocument a server.json that breaks rules; `issues` lists them all (REST 400 or 422, by contract)
    ├── Unauthenticated    no identity, or one that could not be checked (REST 401)
    ├── Forbidden          known, but not allowed (REST 403)
    │   ├── ConfigOwned    the configuration file owns it; nobody changes it through the API
    │   └── NotManaged     a registry that nobody can publish to
    ├── NotFound           absent, or hidden from this viewer (REST 404)
    │   ├── RegistryNotFound
    │   └── SourceNotFound
    ├── Conflict           clashes with what is stored (REST 409)
    │   ├── AlreadyExists  the name, or the very same document, is there; `existing` may be it
    │   └── InUse          something else needs it
    ├── Unsupported        a part of the contract this registry does not offer (REST 501)
    │   └── RegistryNeeded there are several registries to publish to; `registries` names them
    ├── Unavailable        a part the server needs is away; worth another try (REST 503)
    ├── SourceError        a source could not be fetched or read; kept in its sync run, never sent as an answer
    └── ConfigError        the configuration cannot be used; `problems` lists every reason

Each message is written for the person who reads it and is safe to show. Transports map a class to their own codes,
once: app/rest/errors.py and app/graphql/errors.py. This module knows neither HTTP nor GraphQL.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self


class AppError(Exception):
    """A refusal the caller may read. `code` is the stable machine word for it. `where` is the part of what was sent
    that is at fault, from the outside in: `("document", "version")`; empty if none is, or whoever asked knows.
    """

    code = "INTERNAL"
    where: tuple[str | int, ...] = ()

    def at(self, *where: str | int) -> Self:
        """The same error, about that part."""
        self.where = where
        return self


class Invalid(AppError):
    code = "BAD_USER_INPUT"


class TooLarge(Invalid):
    code = "PAYLOAD_TOO_LARGE"


class Refusals(Invalid):
    """`errors` are the refusals one by one, each with its place; the message tells them all."""

    def __init__(self, message: str, errors: Sequence[AppError]) -> None:
        super().__init__(message)
        self.errors = tuple(errors)


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


class ConfigOwned(Forbidden):
    code = "CONFIG_OWNED"


class NotManaged(Forbidden):
    code = "NOT_MANAGED"


class NotFound(AppError):
    code = "NOT_FOUND"


class RegistryNotFound(NotFound):
    code = "REGISTRY_NOT_FOUND"


class SourceNotFound(NotFound):
    code = "SOURCE_NOT_FOUND"


class Conflict(AppError):
    code = "CONFLICT"


class AlreadyExists(Conflict):
    """`existing` is the view of what is there, where the caller asked for exactly that."""

    code = "ALREADY_EXISTS"

    def __init__(self, message: str, existing: Any = None) -> None:
        super().__init__(message)
        self.existing = existing


class InUse(Conflict):
    code = "IN_USE"


class Unsupported(AppError):
    code = "NOT_IMPLEMENTED"


class RegistryNeeded(Unsupported):
    """`registries` are the names to choose from, maybe not all."""

    def __init__(self, message: str, registries: Sequence[str]) -> None:
        super().__init__(message)
        self.registries = tuple(registries)


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
