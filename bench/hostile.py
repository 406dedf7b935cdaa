"""What it takes to refuse an operation: for each hostile one of the tests a processor's milliseconds, at first and when
it is repeated. Nothing of them runs, so that there is no database here.
"""

from __future__ import annotations

import sys
import time

from graphql import OperationType

from app.graphql.errors import Refusal
from app.graphql.options import Options
from app.graphql.preparation import Preparation, Request
from app.graphql.schema import build_schema
from tests.graphql.hostilities import HOSTILE

ROUNDS = 5


def main() -> None:
    rows = ["| operation | code | ms | again, ms |", "|---|---|---:|---:|"]
    for name, case in HOSTILE.items():
        request = Request(case.query, case.variables, None, set(OperationType))
        first, code = min(measure(prepare(), request) for _ in range(ROUNDS))
        warm = prepare()
        again, _ = min(measure(warm, request) for _ in range(ROUNDS))
        rows.append(
            f"| {name} | {code}{'' if code == case.code else ' (not ' + case.code + ')'} | {first:.1f} | {again:.1f} |"
        )
    sys.stdout.write("\n".join([*rows, ""]))


def prepare() -> Preparation:
    """A new one, which keeps nothing yet."""
    options = Options()
    return Preparation(_SCHEMA._schema, options.limits, options.trusted, trusted_only=False)


_SCHEMA = build_schema()


def measure(preparation: Preparation, request: Request) -> tuple[float, str]:
    started = time.process_time()
    try:
        preparation.prepare(request)
        code = "-"
    except Refusal as refusal:
        code = getattr(refusal.errors[0], "code", "?")
    return (time.process_time() - started) * 1000, code


if __name__ == "__main__":
    main()
