"""Names, references and everything else that is about several sources and registries at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.core.settings.settings_files import OPEN, load, refuse, refuse_once

A = "{name: a, managed: {}}"
B = "{name: b, file: {path: x}, syncPolicy: {interval: 5m}}"
DNS = "must be a valid DNS subdomain (lowercase alphanumeric and hyphens, max 63 chars)"


@pytest.mark.parametrize(
    ("text", "path", "line", "message"),
    [
        ("", "registries", None, "at least one registry must be configured"),
        ("sources: []\nregistries: []\n", "registries", 2, "at least one registry must be configured"),
        (f"sources: [{A}]\nregistries: []\n", "registries", 2, "at least one registry must be configured"),
        ("registries: [{name: r, sources: [a]}]\n", "sources", None, "at least one source must be configured"),
        ("sources: [{managed: {}}]\n", "sources[0].name", 1, "source[0]: name is required"),
        ("sources:\n- {name: '', managed: {}}\n", "sources[0].name", 2, "source[0]: name is required"),
        ("sources: [{name: A_1, managed: {}}]\n", "sources[0].name", 1, f"source[0]: name 'A_1' {DNS}"),
        (
            f"sources: [{{name: {'x' * 64}, managed: {{}}}}]\n",
            "sources[0].name",
            1,
            f"source[0]: name '{'x' * 64}' {DNS}",
        ),
        (
            f"sources:\n- {B}\n- {B}\nregistries: [{{name: r, sources: [b]}}]\n",
            "sources[1].name",
            3,
            "source[1]: duplicate source name 'b'",
        ),
        ("sources: [{name: v0, managed: {}}]\n", "sources[0].name", 1, "source[0] (v0): name 'v0' cannot be used"),
        (
            f"sources:\n- {A}\n- {A.replace('a,', 'c,')}\n",
            "sources[1].managed",
            3,
            "at most one managed source is allowed, found 2",
        ),
        (
            f"sources: [{A}]\nregistries: [{{sources: [a]}}]\n",
            "registries[0].name",
            2,
            "registries[0]: name is required",
        ),
        (
            f"sources: [{A}]\nregistries:\n- {{name: r, sources: [a]}}\n- {{name: r, sources: [a]}}\n",
            "registries[1].name",
            4,
            "registries[1]: duplicate registry name 'r'",
        ),
        (
            f"sources: [{A}]\nregistries: [{{name: r}}]\n",
            "registries[0].sources",
            2,
            "registries[0] (r): at least one source is required",
        ),
        (
            f"sources: [{A}]\nregistries: [{{name: r, sources: []}}]\n",
            "registries[0].sources",
            2,
            "registries[0] (r): at least one source is required",
        ),
        (
            f"sources: [{A}]\nregistries:\n- name: r\n  sources:\n  - a\n  - z\n",
            "registries[0].sources[1]",
            6,
            "registries[0] (r): references unknown source 'z'",
        ),
        (
            f"sources: [{A}]\nregistries: [{{name: r, sources: [a], file: {{path: x}}}}]\n",
            "registries[0].file",
            2,
            "registries[0] (r): sources cannot be combined with file",
        ),
        (
            f"sources: [{A}]\nregistries: [{{name: r, sources: [a], syncPolicy: {{interval: 5m}}}}]\n",
            "registries[0].syncPolicy",
            2,
            "registries[0] (r): syncPolicy belongs to a source",
        ),
        ("registries: [{managed: {}}]\n", "registries[0].name", 1, "registry[0]: name is required"),
        ("registries: [{name: ' ', managed: {}}]\n", "registries[0].name", 1, "registry[0]: name is required"),
        (
            "registries: [{name: a b, managed: {}}]\n",
            "registries[0].name",
            1,
            "registry[0]: name 'a b' must not contain",
        ),
        (
            "registries: [{name: v0.1, managed: {}}]\n",
            "registries[0].name",
            1,
            "registry[0]: name 'v0.1' cannot be used",
        ),
        (
            f"sources: [{A}]\nregistries: [{{name: v0, sources: [a]}}]\n",
            "registries[0].name",
            2,
            "registries[0]: name 'v0' cannot be used",
        ),
        (f"registries:\n- {A}\n- {A}\n", "registries[1].name", 3, "registry[1]: duplicate registry name 'a'"),
        (
            f"sources: [{B}]\nregistries:\n- {B.replace('b,', 'b,')}\n",
            "registries[0].name",
            3,
            "registry[0]: name 'b' is already the name of a source",
        ),
    ],
)
def test_broken_rule_is_reported(tmp_path: Path, text: str, path: str, line: int | None, message: str) -> None:
    problem = refuse_once(tmp_path, text + OPEN)
    assert (problem.path, problem.line) == (path, line)
    assert problem.message.startswith(message)
    assert problem.fix


def test_old_style_names_are_free(tmp_path: Path) -> None:
    names = ["Corp_1", "a/b", "x" * 100, "größe", "V0"]
    text = "registries:\n" + "".join(f"- {{name: {name}, managed: {{}}}}\n" for name in names)
    assert [source.name for source in load(tmp_path, text + OPEN).sources] == names


def test_reference_is_not_judged_while_a_source_may_have_lost_its_name(tmp_path: Path) -> None:
    text = "sources:\n- {nam: a, managed: {}}\nregistries: [{name: r, sources: [a]}]\n" + OPEN
    assert [problem.message for problem in refuse(tmp_path, text)] == ["unknown key 'nam'"]


def test_all_problems_are_reported_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """registryNam: x
sources:
  - name: Bad
    git: {branch: a, tag: b}
    syncPolicy: {interval: soon}
  - name: ok
    api: {endpoint: https://h}
registries:
  - {name: v0, sources: [ok]}
database: {port: x, sslMode: maybe}
audit: {maxDataSize: -1}
auth: {publicPaths: [x], oauth: {providers: [{issuerUrl: nohost}]}}
"""
    problems = refuse(tmp_path, text, {"THV_REGISTRY_TELEMETRY_INSECURE": "perhaps"})
    assert [(problem.line, problem.path) for problem in problems] == [
        (1, "registryNam"),
        (3, "sources[0].name"),
        (4, "sources[0].git.repository"),
        (4, "sources[0].git.tag"),
        (5, "sources[0].syncPolicy.interval"),
        (6, "sources[1].syncPolicy.interval"),
        (9, "registries[0].name"),
        (10, "database.port"),
        (10, "database.sslMode"),
        (10, "database.host"),
        (10, "database.user"),
        (10, "database.database"),
        (11, "audit.maxDataSize"),
        (12, "auth.publicPaths[0]"),
        (12, "auth.oauth.providers[0].name"),
        (12, "auth.oauth.providers[0].issuerUrl"),
        (12, "auth.oauth.providers[0].audience"),
        (None, "THV_REGISTRY_TELEMETRY_INSECURE"),
    ]
    assert str(problems[1]).startswith("line 3: sources[0].name: source[0]: name 'Bad' must be")
