"""Writes configuration files and loads them, for the tests of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.core.errors import ConfigError, Problem
from app.core.settings import Settings, load_settings

OPEN = "auth: {mode: anonymous}\n"
MANAGED = "registries: [{name: r, managed: {}}]\n"
MINIMAL = MANAGED + OPEN


def load(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> Settings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ or {}, overrides)


def refuse(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, overrides: Mapping[str, str] | None = None
) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text, environ, overrides)
    return caught.value.problems


def refuse_once(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Problem:
    """The only problem of a file; a rule that is broken once must be reported once."""
    problems = refuse(folder, text, environ)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]
