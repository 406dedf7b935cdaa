"""The adapter for registry files in git repositories. `fetch_git` is all that the rest of the server needs of it."""

import os

# Without git, the library refuses to be imported, and a server without git sources would not start.
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")

from app.sources.git.adapter import fetch_git
from app.sources.git.limits import Limits

__all__ = ["Limits", "fetch_git"]
