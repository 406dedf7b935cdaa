"""Opaque tokens (cursors, node ids): URL-safe text around a small JSON value, with a check sum against tampering.

Some clients put a cursor into a URL without encoding it, so the alphabet is base64url without padding.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import orjson

from app.core.errors import Invalid

_SUM_BYTES = 6
_MAX_CHARS = 8192


def encode_opaque(value: Any) -> str:
    data = orjson.dumps(value)
    return base64.urlsafe_b64encode(_check_sum(data) + data).rstrip(b"=").decode("ascii")


def decode_opaque(text: str, what: str) -> Any:
    """The value a token was made of; `what` names it in the error. Raises Invalid for what this server did not make."""
    try:
        if len(text) > _MAX_CHARS:
            raise ValueError
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
        value = orjson.loads(data[_SUM_BYTES:])
    except ValueError as error:
        raise _not_ours(what) from error
    if data[:_SUM_BYTES] != _check_sum(data[_SUM_BYTES:]) or encode_opaque(value) != text or not _is_plain(value):
        raise _not_ours(what)
    return value


def _is_plain(value: Any) -> bool:
    """Whether the database can take what is in it: the sum has no key, so anybody can make one."""
    match value:
        case str():
            return "\0" not in value
        case int():
            return -(2**63) <= value < 2**63
        case list():
            return all(_is_plain(item) for item in value)
        case dict():
            return all(_is_plain(item) for pair in value.items() for item in pair)
    return value is None


def _check_sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SUM_BYTES).digest()


def _not_ours(what: str) -> Invalid:
    return Invalid(f"Invalid {what}: use the value of a previous answer, unchanged")
