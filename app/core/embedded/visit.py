"""A visit to a cluster that another process may own.

Owns the choice between that owner's PostgreSQL and one that is started for the length of the visit. The lock decides:
whoever can take it is the owner until the visit ends, whoever cannot is a guest. Makes no cluster and stops nobody's.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from app.core.embedded import layout as files
from app.core.embedded.account import choose_account
from app.core.embedded.address import answers, connect_args, open_directory
from app.core.embedded.layout import InUse, Layout
from app.core.embedded.residents import POLL_SECONDS
from app.core.embedded.server import EmbeddedPostgres
from app.core.errors import Unavailable

PATIENCE_SECONDS = 30.0


@asynccontextmanager
async def visit(directory: Path, *, patience: float = PATIENCE_SECONDS) -> AsyncIterator[dict[str, Any]]:
    """Yields keyword arguments for `asyncpg.connect`, good inside the block.

    An owner that is just starting gets `patience` seconds to answer. Raises `Unavailable` after that, where there is no
    cluster, and where the directory belongs to another user.
    """
    layout = _find(directory)
    async with AsyncExitStack() as stack:
        yield await _enter(stack, layout, time.monotonic() + patience)


def _find(directory: Path) -> Layout:
    layout = Layout(Path(os.path.realpath(directory)))
    with files.explained(layout):
        choose_account(layout.directory)
        if not layout.lock.exists() and not layout.directory.exists():
            raise files.no_cluster(layout)
    return layout


async def _enter(stack: AsyncExitStack, layout: Layout, deadline: float) -> dict[str, Any]:
    while True:
        try:
            own = await stack.enter_async_context(EmbeddedPostgres(layout.directory, create=False))
            return own.connect_args()
        except InUse as error:
            arguments = await _knock(stack, layout)
            if arguments is not None:
                return arguments
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The owner of the database directory {layout} does not answer. If it is just starting, try again "
                    f"when it serves. ({error})"
                ) from error
        await asyncio.sleep(POLL_SECONDS)


async def _knock(stack: AsyncExitStack, layout: Layout) -> dict[str, Any] | None:
    """How to reach the owner's PostgreSQL for the length of the visit, if it answers."""
    with files.explained(layout), ExitStack() as held:
        try:
            descriptor = open_directory(layout)
        except FileNotFoundError:
            return None  # The owner is still making the cluster.
        held.callback(os.close, descriptor)
        arguments = connect_args(layout, descriptor)
        if not await answers(layout, arguments):
            return None
        stack.push(held.pop_all())
        return arguments
