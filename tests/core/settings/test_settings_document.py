"""Files that cannot be read as one YAML mapping are refused with the line where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import ConfigError, Problem
from app.core.settings import load_settings
from tests.core.settings.settings_files import MINIMAL, load, refuse_once


def refuse_path(path: Path) -> Problem:
    with pytest.raises(ConfigError) as caught:
        load_settings(path, {})
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        (b"", None, "is empty"),
        (b"# only a comment\n", None, "is empty"),
        (b"---\n", None, "is empty"),
        (b"\n- a\n- b\n", 2, "must be a mapping"),
        (b"just text", 1, "must be a mapping"),
        (b"a: [1\nb: 2\n", 2, "failed to unmarshal config"),
        (b"a: b: c\n", 1, "mapping values are not allowed"),
        (b"auth:\n\tmode: oauth\n", 2, "failed to unmarshal config"),
        (b"a: 1\n---\nb: 2\n", 2, "another document"),
        (b"registryName: x\nauth: \xff\n", 2, "not UTF-8"),
        (b"\xff\xfea\x00", 1, "not UTF-8"),
        (b"registryName: x\nauth: \x00\n", 2, "character that YAML does not allow"),
        (b"[" * 3000, None, "nested too deeply"),
        (b"auth: {<<: 3}\n", 1, "expected a mapping"),
    ],
)
def test_unreadable_content_is_refused(tmp_path: Path, content: bytes, line: int | None, words: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(content)
    problem = refuse_path(path)
    assert (problem.path, problem.line) == (str(path), line)
    assert words in problem.message
    assert problem.fix


@pytest.mark.parametrize(
    ("text", "path", "line", "words"),
    [
        ("registryName: a\nregistryName: b\n", "registryName", 2, "duplicate key 'registryName', first on line 1"),
        ("registryName: a\nREGISTRYNAME: b\n", "registryName", 2, "duplicate key 'REGISTRYNAME', first on line 1"),
        ("audit:\n  enabled: true\n  enabled: true\n", "audit.enabled", 3, "first on line 2"),
        ("? [a]\n: b\n", "", 1, "a key must be plain text"),
        ("registryName: !p4ss\n", "registryName", 1, "unknown YAML tag"),
    ],
)
def test_bad_key_or_tag_is_refused(tmp_path: Path, text: str, path: str, line: int, words: str) -> None:
    problem = refuse_once(tmp_path, text + MINIMAL)
    assert (problem.path, problem.line) == (path, line)
    assert words in problem.message


def test_duplicate_claim_key_in_other_case_is_another_key(tmp_path: Path) -> None:
    settings = load(tmp_path, "registries: [{name: r, managed: {}, claims: {a: x, A: y}}]\nauth: {mode: anonymous}")
    assert settings.registries[0].claims == {"a": "x", "A": "y"}


@pytest.mark.parametrize("value", ["*hunter2", "!hunter2 x", "!hunter2!x y"])
def test_unquoted_secret_with_yaml_meaning_is_not_repeated(tmp_path: Path, value: str) -> None:
    problem = refuse_once(tmp_path, f"database: {{password: {value}}}\n")
    assert "hunter2" not in str(problem)
    assert "quote values that begin with" in problem.fix


def test_merge_key_fills_what_is_missing(tmp_path: Path) -> None:
    text = """
sources:
  - &base {name: a, file: {path: x}, syncPolicy: {interval: 5m}}
  - {<<: *base, name: b}
auth: {mode: anonymous}
"""
    assert [(source.name, source.file and source.file.path) for source in load(tmp_path, text).sources] == [
        ("a", "x"),
        ("b", "x"),
    ]


def test_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes(b"\xef\xbb\xbf" + MINIMAL.encode())
    assert load_settings(tmp_path / "config.yaml", {}).registries[0].name == "r"


def test_json_file_loads(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"registries": [{"name": "r", "managed": {}}], "auth": {"mode": "anonymous"}}')
    assert load_settings(path, {}).registries[0].name == "r"


def test_missing_file_is_refused(tmp_path: Path) -> None:
    assert "failed to evaluate symlinks: No such file" in refuse_path(tmp_path / "absent.yaml").message


def test_directory_is_refused(tmp_path: Path) -> None:
    assert "it is a directory" in refuse_path(tmp_path).message


def test_empty_path_is_refused() -> None:
    assert refuse_path(Path("")).message == "path is required"


def test_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert "failed to evaluate symlinks" in refuse_path(tmp_path / "a").message


def test_unreadable_file_is_refused() -> None:
    # Root may read every file, but nobody may read the memory of a process at address 0.
    assert "failed to read config file" in refuse_path(Path("/proc/self/mem")).message


def test_relative_path_may_not_leave_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = tmp_path / "work"
    inside.mkdir()
    (tmp_path / "config.yaml").write_text(MINIMAL)
    (inside / "link.yaml").symlink_to(tmp_path / "config.yaml")
    monkeypatch.chdir(inside)
    for path in ("../config.yaml", "link.yaml"):
        message = refuse_path(Path(path)).message
        assert message == f"path is not local or contains invalid traversal: {path}"
    assert load_settings(inside / "link.yaml", {}).registries  # an absolute path is not restricted


def test_relative_path_and_link_inside_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "config.yaml").write_text(MINIMAL)
    (tmp_path / "config.yaml").symlink_to(Path("data") / "config.yaml")
    monkeypatch.chdir(tmp_path)
    for path in ("config.yaml", "data/../data/config.yaml"):
        assert load_settings(Path(path), {}).registries
