"""The fixtures of the fault tests; what they do is in tests/faults/scene.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.scene import Ground


@pytest.fixture
def ground(connect_args: dict[str, Any], tmp_path: Path) -> Ground:
    """A database that is migrated and empty."""
    return Ground(tmp_path, connect_args)
