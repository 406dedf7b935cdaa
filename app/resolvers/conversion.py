"""Turns a registry file of either format into the other one, for those who move from one to the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from app.core.settings import SourceFormat
from app.models.snapshot import Rejection
from app.sources.formats import read_snapshot
from app.sources.toolhive import to_toolhive, to_upstream


@dataclass(frozen=True, slots=True)
class Conversion:
    """The converted file as indented JSON, and what of the original is not in it."""

    data: bytes
    converted: int
    left_out: tuple[Rejection, ...]


def convert_file(data: bytes, to: SourceFormat, now: datetime) -> Conversion:
    """Raises SourceError where the file as a whole cannot be read; single bad documents are left out with a reason."""
    snapshot = read_snapshot(data, None)
    documents: list[dict[str, Any]] = [orjson.loads(document.text) for document in snapshot.documents]
    left_out = snapshot.rejections
    if to is SourceFormat.UPSTREAM:
        file = to_upstream(documents, now)
    else:
        legacy = to_toolhive(documents, now)
        file, left_out = legacy.file, (*left_out, *legacy.skipped)
    indented = orjson.dumps(file, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Conversion(indented, snapshot.fetched - len(left_out), left_out)
