"""Whether the files that settings name can be read on this machine. Reads no content and knows no setting."""

from __future__ import annotations

import os
from pathlib import Path

from app.core.settings.draft import Loc, Place


def find_access_fault(path: str) -> str:
    """Say why a file cannot be read; an empty text means it can."""
    try:
        with Path(path).open("rb"):
            return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    except ValueError:  # a null byte in the name
        return f"{path!r}: not a file name"


def check_absolute(place: Place, where: Loc, path: str) -> None:
    """Refuse a relative path; `where` is the location of the setting, whose name it gives. Opens nothing."""
    if path and not os.path.isabs(path):
        message = f"{_name(where)} must be an absolute path"
        place.object(where, message, "begin the path with a slash")


def check_readable(place: Place, where: Loc, path: str) -> None:
    """Refuse an absolute path of a file that cannot be opened."""
    if os.path.isabs(path) and (reason := find_access_fault(path)):
        message = f"{_name(where)} is not accessible: {reason}"
        place.object(where, message, "mount the file, or correct the path")


def _name(where: Loc) -> str:
    return ".".join(str(part) for part in where)
