"""Mutations of the tests: each is sent with its one input, and says what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx

from app.resolvers.context import Ctx
from tests.graphql.asking import ask
from tests.resolvers.state import tables

Fault = tuple[str, list[str] | None]
"""The code of an error and the input field it is about."""

Refusal = tuple[str, Mapping[str, Any], list[Fault]]
"""A mutation, its input, and why it is refused."""

VERSION = "serverVersion { id name version status statusMessage isLatest description }"
SHOWN = {
    "publishServer": VERSION,
    "updateServer": VERSION,
    "updateServerStatus": f"{VERSION} serverVersions {{ name version status statusMessage }}",
    "deleteServerVersion": VERSION,
    "createSource": "source { id name kind creationType config filter syncInterval maxRemovalPercent entryCount }",
    "updateSource": "source { id name kind creationType config filter syncInterval maxRemovalPercent entryCount }",
    "deleteSource": "deletedId",
    "createRegistry": "registry { id name creationType serverCount sources { position source { name } } }",
    "updateRegistry": "registry { id name creationType serverCount sources { position source { name } } }",
    "deleteRegistry": "deletedId",
}


def refusal(mutation: str, given: Mapping[str, Any], *faults: Fault) -> Refusal:
    return mutation, given, list(faults)


def text_of(mutation: str) -> str:
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    shown = SHOWN[mutation]
    return f"mutation($input: {kind}!) {{ {mutation}(input: $input) {{ {shown} errors {{ field message code }} }} }}"


async def mutate(client: httpx.AsyncClient, mutation: str, **given: Any) -> Any:
    """The payload, whatever it says."""
    return (await ask(client, text_of(mutation), input=given))[mutation]


async def succeed(client: httpx.AsyncClient, mutation: str, **given: Any) -> Any:
    """What was asked for; fails if it was refused."""
    payload = await mutate(client, mutation, **given)
    assert payload.pop("errors") == []
    return payload[SHOWN[mutation].split()[0]]


async def refuse(ctx: Ctx, client: httpx.AsyncClient, mutation: str, **given: Any) -> list[Fault]:
    """Why it is refused; fails if it is not, or if anything of the database changes."""
    before = await tables(ctx)
    payload = await mutate(client, mutation, **given)
    errors = payload.pop("errors")
    assert errors, payload
    assert not any(payload.values()), payload
    assert all(error["message"] for error in errors)
    assert await tables(ctx) == before
    return [(error["code"], error["field"]) for error in errors]
