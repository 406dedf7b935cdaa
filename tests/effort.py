"""How long the generated tests may search. `TEST_EFFORT=20 make test` searches twenty times as long, and elsewhere each
time; without it the same examples are tried always.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

EFFORT = int(os.environ.get("TEST_EFFORT", "1"))


def search(examples: int) -> settings:
    return settings(
        max_examples=examples * EFFORT,
        derandomize=EFFORT == 1,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
