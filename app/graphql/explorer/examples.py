"""The operations that the explorer shows as tabs: those that the release's frontend sends."""

from __future__ import annotations

from pathlib import Path

_PACKAGED = Path(__file__).parent / "operations"
_CHECKOUT = Path(__file__).parents[3] / "frontend-schema" / "operations"

_FIRST = ("catalogue", "server", "sources", "publish", "activity")
"""In this order; the first is run when somebody comes for the first time, and so must be a query that needs nothing."""


def read_examples() -> list[dict[str, str]]:
    """Each with `name`, that of its file, and `text`."""
    folder = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.graphql"))}
    names = [*(name for name in _FIRST if name in texts), *(name for name in texts if name not in _FIRST)]
    return [{"name": name, "text": texts[name]} for name in names]
