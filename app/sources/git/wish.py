"""What a git source asks for: which repository, which commit of it, and which file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from app.core.errors import SourceError

HEAD: Final = "HEAD"
MAX_NAME: Final = 1000
"""Characters of a path, or of the name of a branch or tag."""

_COMMIT: Final = re.compile(r"[0-9a-f]{4,64}")
_FULL_LENGTHS: Final = (40, 64)  # SHA-1 and SHA-256
_NO_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|^[-/]|[/.]$")


@dataclass(frozen=True, slots=True)
class Wish:
    """`kind` is branch, tag or commit, or empty for the default branch; `name` is as configured, of a commit in lower
    case. `path` is normalised.
    """

    repository: str
    kind: str
    name: str
    path: str

    @property
    def ref(self) -> str:
        """`HEAD`, `refs/heads/…`, `refs/tags/…`, or the commit's hash as configured, which may be short."""
        folder = {"branch": "refs/heads/", "tag": "refs/tags/"}.get(self.kind, "")
        return f"{folder}{self.name}" if self.kind else HEAD

    @property
    def is_full_commit(self) -> bool:
        return self.kind == "commit" and len(self.name) in _FULL_LENGTHS

    def find_applied(self, state: Mapping[str, Any]) -> str | None:
        """The commit that was applied last, if that was for the same wish."""
        known = all(state.get(key) == value for key, value in self.place.items())
        return state.get("commit") if known else None

    def is_met_by(self, commit: str) -> bool:
        """Whether a commit is the one wished for, as far as that can be told without asking."""
        return self.kind == "commit" and commit.startswith(self.name)

    @property
    def place(self) -> dict[str, str]:
        return {"repository": self.repository, "ref": self.ref, "path": self.path}


def read_wish(block: Mapping[str, Any]) -> Wish:
    """The wish that the source's `git` block tells. Raises SourceError."""
    given = [(kind, str(block[kind])) for kind in ("branch", "tag", "commit") if block.get(kind)]
    if len(given) > 1:
        raise SourceError("only one of git.branch, git.tag and git.commit may be set; remove the others")
    kind, name = given[0] if given else ("", "")
    if kind == "commit":
        name = name.lower()
        if not _COMMIT.fullmatch(name):
            raise SourceError(f"git.commit must be at least 4 hexadecimal digits of a commit's hash, not {name[:80]!r}")
    elif len(name) > MAX_NAME or _NO_REF.search(name):
        raise SourceError(f"git.{kind} is no valid name of a {kind}: {name[:80]!r}")
    return Wish(str(block.get("repository") or ""), kind, name, _read_path(block.get("path")))


def _read_path(text: Any) -> str:
    path = PurePosixPath(str(text or "registry.json"))
    if path.is_absolute() or ".." in path.parts or not path.parts or "\0" in str(path) or len(str(path)) > MAX_NAME:
        shown = repr(str(text)[:80])
        raise SourceError(f"git.path must be a path inside the repository, without a leading slash, not {shown}")
    return str(path)
