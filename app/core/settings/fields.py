"""The shape of the tree, read from its types: which fields a block has and what kind of value each one takes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from app.core.settings.values import Block


class Shape(Enum):
    """How a value is written in YAML."""

    SCALAR = auto()
    SCALARS = auto()
    MAPPING = auto()
    MAPPINGS = auto()
    TEXTS = auto()
    CLAIMS = auto()
    CLAIM_MAPS = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a block: its YAML key, its shape, the bare type of its value and the block below it."""

    key: str
    shape: Shape
    bare: type[Any]
    info: FieldInfo

    @property
    def block(self) -> type[Block]:
        """The block of a mapping or of each item of a list of mappings; no other shape has one."""
        if not issubclass(self.bare, Block):
            raise TypeError(f"{self.key} is not a block")
        return self.bare


def list_fields(block: type[Block]) -> Iterator[Field]:
    """Yield the fields of a block in the order of their definition."""
    for name, info in block.model_fields.items():
        shape, bare = _classify(info.annotation)
        yield Field(key=info.alias or name, shape=shape, bare=bare, info=info)


def _classify(annotation: Any) -> tuple[Shape, type[Any]]:
    bare = _bare(annotation)
    if get_origin(bare) is tuple:
        item = _bare(get_args(bare)[0])
        if get_origin(item) is dict:
            return Shape.CLAIM_MAPS, dict
        return (Shape.MAPPINGS if issubclass(item, Block) else Shape.SCALARS), item
    if get_origin(bare) is dict:
        return (Shape.TEXTS if get_args(bare)[1] is str else Shape.CLAIMS), dict
    return (Shape.MAPPING if issubclass(bare, Block) else Shape.SCALAR), bare


def _bare(annotation: Any) -> Any:
    """Strip Annotated and `| None` from a type."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        kept = [item for item in get_args(annotation) if item is not NoneType]
        if len(kept) == 1:
            return _bare(kept[0])
    return annotation
