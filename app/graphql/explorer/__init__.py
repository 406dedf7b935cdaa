"""The explorer: a page for browsers in which to write and run operations. `render` answers with it, `ROUTES` are the
files it is made of; whether it is offered, and at which address, is the caller's to say.

`make explorer` builds those files from `web/` into `dist/`. Where they are missing, Strawberry's page stands in.
"""

from __future__ import annotations

from app.graphql.explorer.assets import ROUTES
from app.graphql.explorer.page import render

__all__ = ["ROUTES", "render"]
