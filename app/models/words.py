"""How texts are cut into words: one rule for what is indexed, searched for and highlighted. No SQL.

A word is a run of letters, digits and combining marks of any script, folded. Folding is done here and never by the
database, where it would follow a column's collation.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable

MAX_WORD = 64
"""Characters of a word that count."""

STOP_WORDS = frozenset(
    (
        *("a", "an", "and", "any", "are", "as", "at", "be", "by", "can", "for", "from", "how", "i", "in", "into", "is"),
        *("it", "its", "me", "my", "of", "on", "or", "our", "that", "the", "their", "this", "to", "using", "via"),
        *("want", "what", "which", "with", "your"),
    )
)
"""Words of a search that need not be found, as long as it has others."""

GENERIC = frozenset(("mcp", "server", "servers"))
"""Words that nearly every server could have in its name, and so tell none from another."""

REQUESTS = frozenset(("create", "find", "get", "make", "manage", "run", "send", "show", "use"))
"""Words that say that something is to be done, but hardly what."""

_ALIASES = {
    "k8s": "kubernetes",
    "kubernetes": "k8s",
    "postgresql": "postgres",
    "javascript": "js",
    "js": "javascript",
    "typescript": "ts",
    "ts": "typescript",
}
_SHARED = frozenset(("com", "org", "net", "io", "ai", "dev", "app", "co", "github", "gitlab", "bitbucket", "www"))
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ASCII_WORDS = re.compile(r"[a-z0-9]+")
_DOUBLE = re.compile(r"([^aeiouls])\1$")


def fold(text: str) -> str:
    """The form in which texts are compared: case folded, accents composed."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text.casefold())


def split_words(text: str) -> list[str]:
    """The words of a text in their order, folded."""
    return split_folded(fold(text))


def split_folded(folded: str) -> list[str]:
    if folded.isascii():
        found = _ASCII_WORDS.findall(folded)
    else:
        found = "".join(c if is_word_character(c) else " " for c in folded).split()
    return [word[:MAX_WORD] for word in found] if len(folded) > MAX_WORD else found


def is_word_character(character: str) -> bool:
    # Marks are part of words: without them, the vowel signs of many scripts would cut words to pieces.
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def split_identifier(text: str) -> list[str]:
    """The words of a name such as `getIssue_byId`: those it is written in, and the parts of those in camel case."""
    whole = split_words(text)
    if text.islower():
        return whole
    parts = split_words(_HUMPS.sub(" ", text))
    return whole if parts == whole else [*whole, *parts]


def split_namespace(namespace: str) -> list[str]:
    """The words that tell who publishes: of `io.github.acme` only `acme`, as very many servers have the others."""
    return split_words(namespace[own_start(namespace) :])


def own_start(namespace: str) -> int:
    """Where the part of a namespace begins that is the publisher's own."""
    labels = fold(namespace).split(".")
    shared = list(itertools.takewhile(_SHARED.__contains__, labels[:-1]))
    return sum(len(label) + 1 for label in shared)


def without_generic(words: Iterable[str]) -> list[str]:
    """The words that tell servers apart; all of them where none does."""
    listed = list(words)
    return [word for word in listed if word not in GENERIC] or listed


def forms(word: str) -> tuple[str, ...]:
    """What a word of a text may begin with to be that of a search: the word itself, its stem, another name of it."""
    alias = _ALIASES.get(word)
    return tuple(dict.fromkeys((word, stem(word), *([alias] if alias else []))))


def stem(word: str) -> str:
    """What the English forms of a word have in common, to be used as a prefix: `queries` is `quer`, `mapping` is `map`.

    Meant for the words of a search only: what is indexed stays as it is, so that nothing is lost in other languages.
    """
    if not word.isascii() or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 5:
        return word[:-3]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return _DOUBLE.sub(r"\1", word[: -len(ending)])
    if word.endswith("es") and word[:-2].endswith(("ss", "x", "z", "ch", "sh")) and len(word) > 4:
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    if word.endswith("y") and len(word) > 4 and word[-2] not in "aeiou":
        return word[:-1]
    return word
