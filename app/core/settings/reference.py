"""Every setting as a row of a table, read from the tree. Owns the words for types and defaults only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from pydantic import SecretStr

from app.core.settings.durations import format_duration
from app.core.settings.fields import Field, Shape, list_fields
from app.core.settings.tree import Document
from app.core.settings.values import Block, Required

NO_DEFAULT = "–"
REQUIRED = "required"
_SHAPES = {
    Shape.SCALARS: "list of strings",
    Shape.MAPPING: "mapping",
    Shape.MAPPINGS: "list of mappings",
    Shape.TEXTS: "map of strings",
    Shape.CLAIMS: "map of strings or lists of strings",
    Shape.CLAIM_MAPS: "list of claim maps",
}
_TYPES: dict[type[Any], str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    timedelta: "duration",
    SecretStr: "secret string",
}


class SettingDescription(NamedTuple):
    """One row: the YAML path with `[]` after lists, the type, the default and the meaning in words."""

    path: str
    type_text: str
    default_text: str
    description: str


def describe_settings() -> list[SettingDescription]:
    """Describe every field of the configuration file, in the order of the tree."""
    return list(_describe(Document, ""))


def _describe(block: type[Block], prefix: str) -> Iterator[SettingDescription]:
    for field in list_fields(block):
        path = f"{prefix}{field.key}"
        meaning = " ".join((field.info.description or "").split())
        yield SettingDescription(path, _name_type(field), _write_default(field), meaning)
        if field.shape is Shape.MAPPING:
            yield from _describe(field.block, f"{path}.")
        elif field.shape is Shape.MAPPINGS:
            yield from _describe(field.block, f"{path}[].")


def _name_type(field: Field) -> str:
    if field.shape is not Shape.SCALAR:
        return _SHAPES[field.shape]
    if issubclass(field.bare, StrEnum):
        return "one of " + ", ".join(field.bare)
    return _TYPES[field.bare]


def _write_default(field: Field) -> str:
    if any(isinstance(mark, Required) for mark in field.info.metadata):
        return REQUIRED
    default = field.info.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, bool):
        return "true" if default else "false"
    if isinstance(default, timedelta):
        return format_duration(default)
    if isinstance(default, tuple):
        return ", ".join(default) or NO_DEFAULT
    if isinstance(default, int | float):
        return f"{default}"
    return str(default) if isinstance(default, str) and default else NO_DEFAULT
