"""From a request's body to JSON. The content type is not looked at: older clients send none."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import orjson
from starlette.requests import Request

from app.core.bodies import read_body
from app.core.errors import Invalid, TooLarge

MAX_BODY_BYTES: Final = 2**20
_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")


async def read_object(request: Request, limit: int = MAX_BODY_BYTES) -> dict[str, Any]:
    """The body, which must be one JSON object and nothing else. Raises Invalid, TooLarge (over `limit` bytes)."""
    declared = request.headers.get("content-length", "")
    if declared.isascii() and declared.isdigit() and int(declared[:20]) > limit:
        raise TooLarge(f"the body is larger than {limit >> 20} MiB")
    data = await read_body(request.receive, limit)
    if not data.strip():
        raise Invalid("Invalid request body: it is empty; send a JSON object")
    try:
        value = orjson.loads(data)
        if _LONG_NUMBER.search(data):
            value = json.loads(data)  # the fast parser would round integers beyond 64 bits
    except (ValueError, RecursionError) as error:
        raise Invalid(f"Invalid request body: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("Invalid request body: it must be a JSON object")
    return value
