"""The limits themselves: those that can be set, and those that stand. What exceeds one is refused with its own code.

Each bounds work that comes before execution (parsing, validating, reading variables) or execution itself. They hold on
every transport and for trusted documents, too.
"""

from __future__ import annotations

from dataclasses import dataclass

CHARACTERS_PER_TOKEN = 16
"""A document may be as long as its tokens may be many. They are counted only while it is read, and one may be long."""

MAX_DEFINITIONS = 100
"""Operations and fragments of a document. Validating compares fragments with each other."""

MAX_FIELDS = 1000
"""Fields of a document, and of an operation once its fragments are written out. To validate takes time for each."""

MAX_ARGUMENTS = 30
"""Arguments of one field or directive."""

MAX_ROOT_FIELDS = 20
"""Fields at the top of an operation; those of a mutation run one after another."""

MAX_NESTING = 100
"""Selections inside each other, fields or not, through fragments: what walks them is recursive."""

MAX_DIRECTIVES = 100
"""Directives of a document."""

MAX_VARIABLES = 100
"""Variables that an operation declares."""

MAX_ITEMS = 250
"""Items of a list that is given as an argument, or within one."""

MAX_DIGITS = 400
"""Characters of a number; every number that can be stored has fewer."""

MAX_INPUTS = 1000
"""Objects and lists in the variables, those inside values of type JSON aside: each of them is read by its type."""

MAX_ERRORS = 5
"""Errors of one kind that are reported; the next one ends the search."""

MAX_COMPARISONS = 2000
"""What comparing fields of one response name may take; graphql-core counts about two for each pair, and what a user
interface asks for takes less than 50."""

MAX_INTROSPECTION = 150_000
"""Objects that the introspection of one operation may ask for: twice what tools ask for to read the whole schema."""

MAX_VALUES = 50_000
"""Fields that the answer of one operation may hold. They are put together in one go, some ten microseconds for each, in
which a process does nothing else.
"""


@dataclass(frozen=True, slots=True)
class Limits:
    """Those that the block `graphql` of the configuration sets."""

    max_depth: int = 20
    """Fields inside each other; introspection does not count."""

    max_aliases: int = 50
    """Aliases of an operation once its fragments are written out."""

    max_tokens: int = 2000
    """Tokens of a document; comments are counted apart, up to the same number."""

    max_cost: int = 15_000
    """Objects that an operation may ask for, as costs.py counts them."""

    introspection: bool = True
    """Whether the schema may be asked for. Without it no message suggests a name either."""

    @property
    def max_length(self) -> int:
        """Characters of a document."""
        return self.max_tokens * CHARACTERS_PER_TOKEN
