"""Trusted documents: the operations of the user interface, each under the hash of its text.

`python -m app.graphql.trusted` writes frontend-schema/trusted-documents.json from frontend-schema/operations; a release
carries that file. Each entry is one operation with the fragments it needs, printed the one normal way, so that a client
that prints the same document finds the same id. Owns the manifest and which texts it holds; that a request may name one
is requests.py's, that others may be refused is the schema's.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

import orjson
from graphql import GraphQLSyntaxError, parse, print_ast
from graphql.utilities import separate_operations

from app.core.errors import ConfigError, Problem

PREFIX = "sha256:"

_SETTING = "graphql.trustedDocuments"
_FIX = f'write a JSON object such as {{"{PREFIX}…": "query Name {{ … }}"}}, each key being the SHA-256 of its text'
_FOLDER = Path(__file__).parents[2] / "frontend-schema"
_CHECKOUT = _FOLDER / "trusted-documents.json"
_PACKAGED = Path(__file__).with_name("trusted-documents.json")


class TrustedDocuments:
    """The documents of a manifest: ids such as `sha256:9f86…` to texts."""

    def __init__(self, documents: Mapping[str, str] | None = None) -> None:
        self._documents = dict(documents or {})
        self._texts = frozenset(self._documents.values())

    def __len__(self) -> int:
        return len(self._documents)

    def get(self, document_id: str) -> str | None:
        return self._documents.get(document_id)

    def texts(self) -> Collection[str]:
        return self._documents.values()

    def holds(self, text: str) -> bool:
        """Whether this very text is trusted, whichever way it came."""
        return text in self._texts


def name_document(text: str) -> str:
    """The id of a document: the SHA-256 of its text in UTF-8, in hex."""
    return PREFIX + hash_document(text)


def hash_document(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def load_trusted(path: Path | None = None) -> TrustedDocuments:
    """The documents of a manifest; without a path, those that this release carries.

    Raises ConfigError for a manifest that cannot be used; one entry that is not what its id says is enough.
    """
    chosen = path or (_PACKAGED if _PACKAGED.exists() else _CHECKOUT)
    try:
        found = orjson.loads(chosen.read_bytes())
    except OSError as error:
        raise _unusable(f"{chosen} cannot be read: {error.strerror or error}") from error
    except orjson.JSONDecodeError as error:
        raise _unusable(f"{chosen} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise _unusable(f"{chosen} is not a JSON object")
    for document_id, text in found.items():
        _check_entry(chosen, document_id, text)
    return TrustedDocuments(found)


def _check_entry(path: Path, document_id: str, text: object) -> None:
    if not isinstance(text, str):
        raise _unusable(f"{path}: the document {document_id!r} is not a text")
    if name_document(text) != document_id:
        raise _unusable(f"{path}: the id {document_id!r} does not belong to its document, {name_document(text)!r} does")
    try:
        parse(text, no_location=True)
    except GraphQLSyntaxError as error:
        raise _unusable(f"{path}: the document {document_id!r} is no GraphQL: {error.message}") from error


def _unusable(message: str) -> ConfigError:
    return ConfigError([Problem(_SETTING, message, _FIX)])


def gather_documents(folder: Path) -> dict[str, str]:
    """Ids and texts of the operations in the folder's `.graphql` files, in the order of files and operations."""
    found: dict[str, str] = {}
    for path in sorted(folder.glob("*.graphql")):
        for operation in separate_operations(parse(path.read_text(encoding="utf-8"))).values():
            text = print_ast(operation)
            found[name_document(text)] = text
    return found


def print_manifest(documents: Mapping[str, str]) -> str:
    return json.dumps(documents, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    _CHECKOUT.write_text(print_manifest(gather_documents(_FOLDER / "operations")), encoding="utf-8")
    sys.stdout.write(f"wrote {_CHECKOUT}\n")


if __name__ == "__main__":
    main()
