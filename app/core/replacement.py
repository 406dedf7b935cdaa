"""Files that are replaced as a whole: whoever reads one sees the old content or the new, never a part."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when the block ends well and is gone when it does not.

    A pipe or a device is written directly: there is nothing to replace.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as special:
            yield special
        return
    target = path.resolve()  # what a link leads to is replaced, not the link
    unfinished = target.with_name(f".{target.name}.{secrets.token_hex(4)}.new")
    opened = unfinished.open("xb")
    try:
        with opened as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            shutil.copymode(target, unfinished)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
