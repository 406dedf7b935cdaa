"""Which rows of a short list are wanted: lists that are read whole, such as sources and registries. No SQL.

Means of texts what app.store.predicates means of columns, so that a filter says the same wherever it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from app.core.errors import Invalid
from app.models.queries import MAX_CONDITIONS, MAX_LIST, MAX_NODES, Operator


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field` is an attribute of the view that holds a text; `value` is a text, or a tuple of texts for IN."""

    field: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Selection:
    """All comparisons and all of `all_of` hold, at least one of `any_of` unless it is None, `none_of` does not."""

    comparisons: tuple[Comparison, ...] = ()
    all_of: tuple[Selection, ...] = ()
    any_of: tuple[Selection, ...] | None = None
    none_of: Selection | None = None

    def admits(self, view: Any) -> bool:
        return (
            all(_COMPARE[c.operator](str(getattr(view, c.field)), c.value) for c in self.comparisons)
            and all(part.admits(view) for part in self.all_of)
            and (self.any_of is None or any(part.admits(view) for part in self.any_of))
            and not (self.none_of is not None and self.none_of.admits(view))
        )


_COMPARE: Final[Mapping[Operator, Callable[[str, Any], bool]]] = {
    Operator.EQ: lambda text, value: text == value,
    Operator.IN: lambda text, values: text in values,
    Operator.STARTS_WITH: lambda text, value: text.startswith(value),
    Operator.CONTAINS: lambda text, value: value.lower() in text.lower(),
}


def check_selection(selection: Selection) -> None:
    """Raises Invalid for one that is too large; the limits are those of the lists that are read in pages."""
    comparisons, stack = 0, [selection]
    for _ in range(MAX_NODES):
        if not stack:
            break
        part = stack.pop()
        comparisons += len(part.comparisons)
        for comparison in part.comparisons:
            _check_list(comparison)
        stack.extend((*part.all_of, *(part.any_of or ()), *((part.none_of,) if part.none_of else ())))
    if stack or comparisons > MAX_CONDITIONS:
        raise Invalid(f"where holds more than {MAX_CONDITIONS} conditions")


def _check_list(comparison: Comparison) -> None:
    if isinstance(comparison.value, tuple) and len(comparison.value) > MAX_LIST:
        name = f"where.{comparison.field}.{comparison.operator}"
        raise Invalid(f"{name} holds {len(comparison.value)} values; {MAX_LIST} at most")
