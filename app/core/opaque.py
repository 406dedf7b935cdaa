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
    if data[:_SUM_BYTES] != _check_sum(data[_SUM_BYTES:]) or encode_opaque(value) != text:
        raise _not_ours(what)
    return value


def _check_sum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SUM_BYTES).digest()


def _not_ours(what: str) -> Invalid:
    return Invalid(f"Invalid {what}: use the value of a previous answer, unchanged")
