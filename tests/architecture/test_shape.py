"""The hard limits on size: files 400 lines, functions 50 lines, 6 parameters. Test files may have 600 lines."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("app", "workers", "tests", "bench") for path in (ROOT / folder).rglob("*.py"))
Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(path: Path) -> list[Function]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, Function)]


def parameters(function: Function) -> int:
    given = function.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls", "info")])


def is_graphql_field(function: Function) -> bool:
    """A field's parameters are the arguments of the GraphQL schema: they cannot be gathered into an object."""
    return any("strawberry.field" in ast.unparse(decorator) for decorator in function.decorator_list)


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 40


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_file_keeps_to_the_limits(path: Path) -> None:
    limit = 600 if "tests" in path.parts else 400
    assert path.read_text().count("\n") <= limit
    for function in functions(path):
        assert (function.end_lineno or 0) - function.lineno <= 50, f"{function.name} is too long"
        if "tests" not in path.parts and not is_graphql_field(function):
            assert parameters(function) <= 6, f"{function.name} has too many parameters"
