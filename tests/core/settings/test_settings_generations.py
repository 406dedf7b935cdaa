"""Both generations of the file, and a mixture, become the same kind of settings."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.settings import SettingDescription, SourceFormat, SourceKind, SourceSettings
from tests.core.settings.settings_files import MINIMAL, OPEN, load

OLD = """
registries:
  - name: corp
    format: toolhive
    git: {repository: "https://git.example.org/mcp/catalog.git", tag: v3, path: data/all.json}
    syncPolicy: {interval: 45m}
    filter: {names: {exclude: ["*/legacy-*"]}, tags: {include: [approved]}}
  - name: official
    api: {endpoint: "https://registry.example.org/"}
    syncPolicy: {interval: 6h}
  - name: mine
    managed: {}
    claims: {team: [x, y]}
auth: {mode: anonymous}
"""

NEW = """
sources:
  - name: catalog
    git: {repository: "https://git.example.org/mcp/catalog.git", branch: main}
    syncPolicy: {interval: 20m, maxRemovalPercent: 20}
    claims: {org: acme}
  - name: house
    managed: {}
  - name: cluster
    kubernetes: {namespaces: [team-a]}
registries:
  - name: default
    sources: [house, cluster, catalog]
    claims: {org: acme}
database: {host: db, port: 5432, user: reg, database: reg, sslMode: verify-full}
auth: {mode: anonymous}
"""


def test_old_style_makes_a_source_and_a_registry_of_each_item(tmp_path: Path) -> None:
    settings = load(tmp_path, OLD)
    corp, official, mine = settings.sources
    assert [type(source) for source in settings.sources] == [SourceSettings] * 3
    assert (corp.kind, corp.format, corp.sync_interval) == (
        SourceKind.GIT,
        SourceFormat.TOOLHIVE,
        timedelta(minutes=45),
    )
    assert corp.git is not None
    assert (corp.git.tag, corp.git.path) == ("v3", "data/all.json")
    assert corp.filter is not None
    assert (corp.filter.names.exclude, corp.filter.tags.include) == (("*/legacy-*",), ("approved",))
    assert official.api is not None
    assert (official.api.endpoint, official.api.timeout) == ("https://registry.example.org", timedelta(seconds=10))
    assert (mine.kind, mine.sync_interval) == (SourceKind.MANAGED, None)
    assert [(registry.name, registry.sources) for registry in settings.registries] == [
        ("corp", ("corp",)),
        ("official", ("official",)),
        ("mine", ("mine",)),
    ]
    assert settings.registries[2].claims == mine.claims == {"team": ["x", "y"]}
    assert settings.database is None


def test_new_style_keeps_sources_and_registries_apart(tmp_path: Path) -> None:
    settings = load(tmp_path, NEW)
    assert [(source.name, source.kind) for source in settings.sources] == [
        ("catalog", SourceKind.GIT),
        ("house", SourceKind.MANAGED),
        ("cluster", SourceKind.KUBERNETES),
    ]
    assert settings.sources[0].sync_policy.max_removal_percent == 20
    assert settings.sources[0].claims == {"org": "acme"}
    assert settings.sources[2].kubernetes is not None
    assert settings.sources[2].kubernetes.namespaces == ("team-a",)
    (registry,) = settings.registries
    assert (registry.name, registry.sources, registry.claims) == (
        "default",
        ("house", "cluster", "catalog"),
        {"org": "acme"},
    )


def test_mixed_file_may_reference_an_old_style_item(tmp_path: Path) -> None:
    text = """
sources: [{name: s, managed: {}}]
registries:
  - {name: all, sources: [old, s]}
  - {name: old, file: {path: x}, syncPolicy: {interval: 1m}}
"""
    settings = load(tmp_path, text + OPEN)
    assert [source.name for source in settings.sources] == ["s", "old"]
    assert [(registry.name, registry.sources) for registry in settings.registries] == [
        ("all", ("old", "s")),
        ("old", ("old",)),
    ]


def test_sources_alone_are_registries_too(tmp_path: Path) -> None:
    text = "sources: [{name: a, managed: {}, claims: {k: v}}, {name: b, kubernetes: {}}]\n" + OPEN
    assert [(r.name, r.sources, r.claims) for r in load(tmp_path, text).registries] == [
        ("a", ("a",), {"k": "v"}),
        ("b", ("b",), {}),
    ]


def test_several_managed_sources_are_allowed_in_the_old_style(tmp_path: Path) -> None:
    text = "registries: [{name: a, managed: {}}, {name: b, managed: {}}]\n" + OPEN
    assert len(load(tmp_path, text).sources) == 2


def test_repeated_source_counts_where_it_stands_last(tmp_path: Path) -> None:
    text = "sources: [{name: a, managed: {}}, {name: b, kubernetes: {}}]\nregistries: [{name: r, sources: [a, b, a]}]\n"
    settings = load(tmp_path, text + OPEN)
    assert settings.registries[0].sources == ("b", "a")
    assert "source 'a' is listed more than once" in settings.warnings[0]


@pytest.mark.parametrize(
    ("body", "user", "password"),
    [
        ("user: u", "u", None),
        ("user: u, password: p", "u", "p"),
        ("user: u, password: p, migrationUser: u", "u", "p"),
        ("user: u, password: p, migrationUser: m", "m", None),
        ("user: u, password: p, migrationPassword: q", "u", "q"),
        ("user: u, migrationUser: m, migrationPassword: q", "m", "q"),
        ("user: u, password: ''", "u", None),
    ],
)
def test_migration_login_falls_back_to_the_same_user_only(
    tmp_path: Path, body: str, user: str, password: str | None
) -> None:
    database = load(tmp_path, f"{MINIMAL}database: {{host: h, port: 1, database: d, {body}}}\n").database
    assert database is not None
    assert database.migration_user == user
    assert database.migration_password == (SecretStr(password) if password else None)


def test_audit_size_zero_means_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, f"{MINIMAL}audit: {{maxDataSize: 0}}\n").audit.max_data_size == 1024


def test_absent_blocks_have_their_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, MINIMAL)
    assert (settings.registry_name, settings.file_storage.base_dir) == ("default", "./data")
    assert (settings.telemetry.endpoint, settings.telemetry.tracing.sampling) == ("localhost:4318", 0.05)
    assert settings.leader_election_id == "toolhive-registry-server-leader-election"
    assert not settings.audit.enabled
    assert settings.redis is None
    assert (settings.sync.concurrency, settings.sync.run_retention) == (4, timedelta(hours=720))
    assert settings.sync.tombstone_retention == timedelta(hours=720)
    assert (settings.outbound.allow_private, settings.outbound.allow_file_repositories) == ((), False)
    assert settings.auth.oauth is None


def test_kind_block_survives_json(tmp_path: Path) -> None:
    api = load(tmp_path, OLD).sources[1].api
    assert api is not None
    written = api.model_dump(mode="json", by_alias=True)
    assert written == {
        "endpoint": "https://registry.example.org",
        "timeout": "10s",
        "authTokenFile": "",
        "caCertPath": "",
        "headers": {},
        "fullSyncInterval": "24h0m0s",
    }
    assert type(api).model_validate(written) == api


def test_source_without_a_kind_has_none() -> None:
    with pytest.raises(ValueError, match="has no kind"):
        _ = SourceSettings(name="x").kind
    assert SettingDescription._fields[0] == "path"
