"""How refusals of the domain become errors of a payload, and which of them do not."""

from __future__ import annotations

import pytest

from app.core.errors import AppError, ConfigError, Forbidden, Invalid, NotFound, Refusals, Unauthenticated
from app.graphql.payloads import MAX_MESSAGE, ErrorCode, attempt, split_path
from app.models.documents import format_path


@pytest.mark.parametrize(
    "keys",
    [
        [],
        ["name"],
        ["packages", 0, "transport", "type"],
        ["_meta", "com.example/x", "a.b", 3, "$schema"],
        ["remotes", 12],
        ["", "x"],
        ["_meta", 'say "x"', "y"],
    ],
)
def test_path_comes_apart_as_it_was_put_together(keys: list[str | int]) -> None:
    assert split_path(format_path(keys)) == [str(key) for key in keys]


async def test_refusal_tells_its_place_or_gets_that_of_the_caller() -> None:
    async def refuse(error: AppError) -> None:
        raise error

    told = Refusals("both", [Invalid("one").at("a", 0), NotFound("two")])
    tried = await attempt(refuse(told), "name")
    assert [(e.code, e.field, e.message) for e in tried.errors] == [
        (ErrorCode.INVALID, ["a", "0"], "one"),
        (ErrorCode.NOT_FOUND, ["name"], "two"),
    ]
    (error,) = (await attempt(refuse(Invalid("no")))).errors
    assert error.field is None


@pytest.mark.parametrize("error", [Forbidden("x"), Unauthenticated("x"), ConfigError([]), ValueError("x")])
async def test_what_is_no_business_of_the_payload_goes_on(error: Exception) -> None:
    async def refuse() -> None:
        raise error

    with pytest.raises(type(error)):
        await attempt(refuse(), "name")


async def test_success_has_no_errors() -> None:
    async def work() -> str:
        return "done"

    tried = await attempt(work(), "name")
    assert (tried.result, tried.errors, tried.existing) == ("done", [], None)


async def test_message_does_not_quote_the_whole_request() -> None:
    async def refuse() -> None:
        raise NotFound(f"server not found: {'x' * 100_000}")

    (error,) = (await attempt(refuse())).errors
    assert error.message.startswith("server not found: xxx")
    assert len(error.message) == MAX_MESSAGE + 1
