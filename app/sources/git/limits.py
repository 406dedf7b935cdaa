"""What one fetch from git may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.sources.contents import MAX_FILE_BYTES

DEADLINE_SECONDS: Final = 120.0
"""Time for everything up to the file's last byte."""

STALL_SECONDS: Final = 30
"""A server that sends nothing for so long is given up."""

MAX_FOLDER_BYTES: Final = 2**30
"""Space on the disk. A server that cannot leave out files sends all of one commit, and may send anything."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and bytes; tests take less."""

    seconds: float = DEADLINE_SECONDS
    stall_seconds: int = STALL_SECONDS
    folder_bytes: int = MAX_FOLDER_BYTES
    file_bytes: int = MAX_FILE_BYTES
