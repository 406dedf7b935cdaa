"""A ranked search as a plain, hashable value: what was typed, cut into the words to look for. No SQL."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from app.core.errors import Invalid
from app.models.words import GENERIC, REQUESTS, STOP_WORDS, fold, is_word_character, split_folded, without_generic

MAX_SEARCH = 256
"""Characters of a search."""

MAX_EITHER = 16
"""Words of which any one will do: each of them is looked for in every row that is found."""

_EITHER = " or "
_MAX_TOLD = 8 * MAX_SEARCH


def _trim(typed: str) -> str:
    return " ".join(fold(typed).split())


@dataclass(frozen=True)
class Search:
    """What to look for. `text` is folded and trimmed. All words must be found, or, if `any_word`, one of them."""

    text: str
    any_word: bool = False

    @classmethod
    def of(cls, typed: str) -> Search | None:
        """None for a blank text. Raises Invalid, naming `search`, for one that is too long."""
        if len(typed) > MAX_SEARCH:
            raise Invalid(f"search holds {len(typed)} characters; {MAX_SEARCH} at most")
        text = _trim(typed)
        return cls(text) if text else None

    @classmethod
    def instead(cls, told: str) -> Search:
        """The search that a correction tells; see `told`. Raises Invalid for what is no correction."""
        text = _trim(told)
        if not text or len(text) > _MAX_TOLD:
            raise Invalid("Invalid cursor: use the value of a previous answer, unchanged")
        return cls(text, any_word=_EITHER in text)

    @property
    def told(self) -> str:
        """The search as a correction shows it. Searched for again, it leads to the same."""
        return (_EITHER if self.any_word else " ").join(self.words) if self.words else self.text

    def relaxed(self) -> Search:
        """Any of its words instead of all; the first ones of very many."""
        return Search.instead(_EITHER.join(self.words[:MAX_EITHER]))

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that count for the rank, each once; none if the text has nothing but punctuation."""
        found = split_folded(self.text)
        return tuple(dict.fromkeys([word for word in found if word not in STOP_WORDS] or found))

    @cached_property
    def needed(self) -> tuple[str, ...]:
        """The words that must be found: those that tell servers apart, as long as there are any."""
        telling = [word for word in self.words if word not in GENERIC and word not in REQUESTS]
        return tuple(telling or without_generic(self.words))

    @cached_property
    def joined(self) -> str:
        """The words as the handles of a server hold them; see app.store.search."""
        return " ".join(split_folded(self.text))

    @property
    def can_relax(self) -> bool:
        """Whether one of its words may do, too: not for names, whose parts mean nothing by themselves."""
        return not self.any_word and len(self.needed) > 1 and " " in self.text

    @property
    def is_path(self) -> bool:
        """Whether words are joined by punctuation, as in `io.github.acme/db`: then the whole is looked for, too."""
        return len(self.text) > 1 and any(not is_word_character(c) and not c.isspace() for c in self.text)
