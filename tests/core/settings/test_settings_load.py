"""Loading as a whole: real files, the reference's own examples, secrecy, immutability, no state."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.errors import ConfigError
from app.core.settings import AuthMode, load_settings
from tests.core.settings.settings_files import MINIMAL, OPEN, load, refuse, refuse_once

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "toolhive"
REAL = sorted(DATA.glob("configs-*/*.yaml"))
KINDS = "git, api, file, managed, or kubernetes configuration"


@pytest.mark.skipif(not REAL, reason="needs the reference data in ../shared/data")
@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_real_file_loads(path: Path) -> None:
    loaded = load_settings(path, {})
    assert loaded.sources
    known = {source.name for source in loaded.sources}
    assert all(known.issuperset(registry.sources) for registry in loaded.registries)
    assert len(loaded.warnings) == (path.name == "config-oauth.yaml")  # its CA file is there only inside a cluster
    assert (loaded.auth.mode is AuthMode.OAUTH) == (path.name == "config-oauth.yaml")


@pytest.mark.skipif(not REAL, reason="needs the reference data in ../shared/data")
def test_real_files_of_both_generations_are_there() -> None:
    assert {path.parent.name for path in REAL} == {"configs-049", "configs-head"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("registries: [{name: a, managed: {}}]\n", "auth configuration is required"),
        ("registries: [{name: a, managed: {}}]\nauth: {mode: ''}\n", "invalid auth.mode:  (must be"),
        (
            f"registries: [{{name: a, managed: {{}}, file: {{path: x}}, syncPolicy: {{interval: 1h}}}}]\n{OPEN}",
            "only one",
        ),
        (f"registries:\n- {{name: a, kubernetes:}}\n{OPEN}", f"one of {KINDS} must be specified"),
        (
            f"registries: [{{name: a, api: {{endpoint: u}}, format: toolhive, syncPolicy: {{interval: 1h}}}}]\n{OPEN}",
            "format must be either empty or upstream",
        ),
        (f"registries: [{{name: a, git: {{repository: r}}, syncPolicy: {{interval: 1d}}}}]\n{OPEN}", "valid duration"),
        (
            "registries: [{name: a, git: {repository: r, branch: x, tag: y}, syncPolicy: {interval: 1h}}]\n" + OPEN,
            "only one of branch, tag, or commit may be specified",
        ),
    ],
)
def test_invalid_example_is_refused(tmp_path: Path, text: str, words: str) -> None:
    assert words in refuse_once(tmp_path, text).message


def test_file_source_without_a_format_loads(tmp_path: Path) -> None:
    text = "registries: [{name: a, file: {path: p}, syncPolicy: {interval: 1h}}]\n" + OPEN
    assert load(tmp_path, text).sources[0].format is None


def test_passwords_are_never_shown(tmp_path: Path) -> None:
    text = (
        MINIMAL + "database: {host: h, port: 1, user: u, database: d, password: hunter2, migrationPassword: hunter3}\n"
        "redis: {url: redis://h, password: hunter4}\n"
    )
    loaded = load(tmp_path, text)
    assert loaded.database is not None
    assert loaded.database.password is not None
    assert loaded.database.password.get_secret_value() == "hunter2"
    assert loaded.redis is not None
    assert loaded.redis.password is not None
    assert loaded.redis.password.get_secret_value() == "hunter4"
    for shown in (repr(loaded), str(loaded), str(loaded.model_dump()), loaded.model_dump_json()):
        assert "hunter" not in shown


@pytest.mark.parametrize("value", ["hunter2", "[hunter2]", "{hunter2: x}", "*hunter2"])
@pytest.mark.parametrize("block", ["database: {port: x", "redis: {url: x"])
def test_passwords_do_not_appear_in_problems(tmp_path: Path, block: str, value: str) -> None:
    problems = refuse(tmp_path, f"{block}, password: {value}}}\n")
    assert "hunter2" not in "".join(str(problem) for problem in problems)


def test_error_drags_no_cause_with_the_values_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "database: {port: x, password: hunter2}\n")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_settings_cannot_be_changed(tmp_path: Path) -> None:
    loaded = load(tmp_path, MINIMAL)
    with pytest.raises(ValidationError):
        loaded.registry_name = "x"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        loaded.sources[0].name = "x"  # type: ignore[misc]


def test_loading_leaves_nothing_behind(tmp_path: Path) -> None:
    first = load(tmp_path, MINIMAL)
    load(tmp_path, MINIMAL, {"THV_REGISTRY_REGISTRYNAME": "other", "THV_REGISTRY_AUDIT_ENABLED": "true"})
    assert load(tmp_path, MINIMAL) == first


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    st.recursive(
        st.sampled_from(["~", "x", "1", "''", "{}", "[]", "5m"]),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
            st.dictionaries(
                st.sampled_from(
                    [
                        "sources",
                        "registries",
                        "name",
                        "git",
                        "file",
                        "path",
                        "claims",
                        "auth",
                        "oauth",
                        "providers",
                        "database",
                        "port",
                        "filter",
                        "names",
                        "include",
                        "syncPolicy",
                        "api",
                        "headers",
                        "redis",
                        "url",
                        "sentinels",
                        "outbound",
                        "allowPrivate",
                        "repository",
                        "zz",
                    ]
                ),
                inner,
                max_size=4,
            ).map(lambda items: "{" + ", ".join(f"{key}: {value}" for key, value in items.items()) + "}"),
        ),
        max_leaves=12,
    )
)
def test_any_yaml_loads_or_is_refused_with_problems(tmp_path: Path, text: str) -> None:
    with suppress(ConfigError):
        load(tmp_path, text)
