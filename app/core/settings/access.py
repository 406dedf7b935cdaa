"""Whether the files that settings name can be read on this machine. Reads no content and knows no setting."""

from __future__ import annotations

from pathlib import Path


def find_access_fault(path: str) -> str:
    """Say why a file cannot be read; an empty text means it can."""
    try:
        with Path(path).open("rb"):
            return ""
    except OSError as error:
        return f"{path}: {error.strerror}"
    except ValueError:  # a null byte in the name
        return f"{path!r}: not a file name"
