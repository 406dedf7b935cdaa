"""The value types of single settings and how their text is read. Owns no setting and no rule between settings.

The file, the environment and the command line all deliver text, so that every type reads text; values that are
already of the wanted type pass unchanged, for code that builds settings itself.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, SecretStr
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from app.core.settings.durations import format_duration, parse_duration

FRAGMENT = "fragment"  # the message goes on after the setting's path
SENTENCE = "sentence"  # the message stands for itself

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_Choice = TypeVar("_Choice", bound=StrEnum)


class Block(BaseModel):
    """One mapping of the configuration. Keys are camelCase in the file, snake_case in code; no other key exists."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=True,
        hide_input_in_errors=True,
    )


class Required:
    """Marks a setting that a rule demands. The type has a default all the same, so that all problems show at once."""


class SourceFormat(StrEnum):
    """How the data of a source are written."""

    UPSTREAM = "upstream"
    TOOLHIVE = "toolhive"


class SslMode(StrEnum):
    """libpq's sslmode."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


class AuthMode(StrEnum):
    """Who may come in: everybody, or holders of a token that a configured provider issued."""

    ANONYMOUS = "anonymous"
    OAUTH = "oauth"


class LogLevel(StrEnum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def _fault(kind: str, message: str, fix: str) -> PydanticCustomError:
    return PydanticCustomError(kind, "{text}", {"text": message, "fix": fix})


def _read_whole(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not _WHOLE.fullmatch(value):
        raise _fault(FRAGMENT, f"must be a whole number, got '{value}'", "write it with digits only")
    return int(value)


def _read_ratio(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _fault(FRAGMENT, f"must be a number, got '{value}'", "write a decimal number such as 0.05")
    return number


def _read_flag(value: object) -> object:
    if not isinstance(value, str):
        return value
    if value not in _TRUE | _FALSE:
        raise _fault(FRAGMENT, f"must be true or false, got '{value}'", "write true or false")
    return value in _TRUE


def _read_duration(value: object, examples: str) -> object:
    if not isinstance(value, str):
        return value
    try:
        return parse_duration(value)
    except ValueError as error:
        message = f"must be a valid duration (e.g., {examples}): {error}"
        fix = "write numbers with the units ns, us, ms, s, m or h, such as 1h30m"
        raise _fault(FRAGMENT, message, fix) from None


def _read_list(value: object) -> object:
    if not isinstance(value, str):
        return value
    items = [item.strip() for item in value.split(",")] if value.strip() else []
    if "" in items:
        raise _fault(FRAGMENT, "has an empty item in its comma list", "remove the surplus comma")
    return items


def _read_format(value: object) -> object:
    if value == "":
        return None
    if isinstance(value, str) and value not in set(SourceFormat):
        fix = "write upstream or toolhive, or leave it out to have the format detected"
        raise _fault(SENTENCE, f"unsupported format: {value}", fix)
    return value


def _read_mode(value: object) -> object:
    if isinstance(value, str) and value not in set(AuthMode):
        message = f"invalid auth configuration: invalid auth.mode: {value} (must be 'anonymous' or 'oauth')"
        raise _fault(SENTENCE, message, "write oauth to ask for tokens, or anonymous to serve everybody")
    return value


def _read_choice(value: object, choices: type[_Choice]) -> object:
    if isinstance(value, str) and value not in set(choices):
        names = ", ".join(choices)
        raise _fault(FRAGMENT, f"must be one of {names}, got '{value}'", f"write one of {names}")
    return value


def _read_secret(value: object) -> object:
    return None if value == "" else value


def name_type(value: object) -> str:
    """Name the type of a claim's value as the reference implementation prints it."""
    for kind, name in ((bool, "bool"), (int, "int"), (float, "float64"), (dict, "map"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "null"


def _read_claim(value: object) -> object:
    fix = "write a string (numbers and booleans in quotes) or a list of strings"
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise _fault(FRAGMENT, f"value must be a string or array of strings, got {name_type(value)}", fix)
    for index, item in enumerate(value):
        if not isinstance(item, str):
            raise _fault(FRAGMENT, f"array element [{index}] must be a string, got {name_type(item)}", fix)
    return value


RequiredText = Annotated[str, Required()]
Whole = Annotated[int, BeforeValidator(_read_whole)]
RequiredWhole = Annotated[Whole, Required()]
Ratio = Annotated[float, BeforeValidator(_read_ratio)]
Flag = Annotated[bool, BeforeValidator(_read_flag)]
_AsText = PlainSerializer(format_duration, return_type=str, when_used="json")
Duration = Annotated[timedelta, BeforeValidator(partial(_read_duration, examples="'30m', '1h'")), _AsText]
Timeout = Annotated[timedelta, BeforeValidator(partial(_read_duration, examples="'30s', '1m'")), _AsText]
TextList = Annotated[tuple[str, ...], BeforeValidator(_read_list)]
Secret = Annotated[SecretStr | None, BeforeValidator(_read_secret)]
FormatName = Annotated[SourceFormat | None, BeforeValidator(_read_format)]
ModeName = Annotated[AuthMode, BeforeValidator(_read_mode)]
SslModeName = Annotated[SslMode, BeforeValidator(partial(_read_choice, choices=SslMode))]
LogLevelName = Annotated[LogLevel, BeforeValidator(partial(_read_choice, choices=LogLevel))]
ClaimValue = Annotated[str | list[str], BeforeValidator(_read_claim)]
Claims: TypeAlias = dict[str, ClaimValue]
NoClaims = Field(default_factory=dict[str, str | list[str]])
Texts: TypeAlias = dict[str, str]
NoTexts = Field(default_factory=dict[str, str])
