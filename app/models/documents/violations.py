"""Turns what pydantic finds into violations that name the JSON path and say what is allowed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from app.models.documents.rules import ALLOWED

REQUIRED: Final = "required"
"""The rule that an absent part breaks."""

_PLAIN_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]*")
_LISTS_OF_CHOICES: Final = frozenset({"remotes", "packageArguments", "runtimeArguments"})

_MESSAGES: Final = {
    "missing": "is required",
    "string_type": "must be a string",
    "string_unicode": "must be valid Unicode text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule. `path` is the JSON path inside the document (`packages[0].transport.url`), empty for the
    document as a whole. `rule` is the short name of the rule where it has one, such as `string-too-long`."""

    path: str
    message: str
    rule: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def violations_of(error: ValidationError) -> tuple[Violation, ...]:
    """Every fault that a model found, one violation each."""
    return tuple(_violation(details) for details in error.errors(include_url=False))


def format_path(keys: Iterable[str | int]) -> str:
    """Keys and positions as one path: `packages[0].transport`, `_meta["com.example/x"]`."""
    path = ""
    for key in keys:
        if isinstance(key, int):
            path += f"[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            path += f".{key}" if path else key
        else:
            path += f'["{key}"]'
    return path


def _violation(details: ErrorDetails) -> Violation:
    keys, kind = _without_choices(details["loc"]), details["type"]
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        keys = (*keys, "type")
    return Violation(format_path(keys), _message(details), REQUIRED if kind == "missing" else kind.replace("_", "-"))


def _without_choices(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """`loc` without the names of the union members that pydantic puts between the keys of the document."""
    keys: list[str | int] = []
    rest = iter(loc)
    for key in rest:
        chosen = key == "transport" or (isinstance(key, int) and bool(keys) and keys[-1] in _LISTS_OF_CHOICES)
        keys.append(key)
        if chosen:
            next(rest, None)
    return tuple(keys)


def _message(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    if kind == "string_pattern_mismatch":
        return ALLOWED.get(context["pattern"], f"must match {context['pattern']}")
    if kind == "string_too_long":
        return f"must have at most {context['max_length']} characters, has {len(details['input'])}"
    if kind == "string_too_short":
        return "must not be empty" if context["min_length"] == 1 else f"must have {context['min_length']} characters"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return _choice_message(details)
    return details["msg"][:1].lower() + details["msg"][1:]


def _choice_message(details: ErrorDetails) -> str:
    expected = details.get("ctx", {}).get("expected_tags")
    if expected is None:  # the member was never looked at: there is no `type` to choose by
        last = next((key for key in reversed(details["loc"]) if isinstance(key, str)), "")
        expected = _EXPECTED.get(last, "one of the known types")
    return f"must be {' or '.join(expected.rsplit(', ', 1))}" if "," in expected else f"must be {expected}"


_EXPECTED: Final = {
    "transport": "'stdio', 'streamable-http', 'sse'",
    "remotes": "'streamable-http', 'sse'",
    "packageArguments": "'positional', 'named'",
    "runtimeArguments": "'positional', 'named'",
}
