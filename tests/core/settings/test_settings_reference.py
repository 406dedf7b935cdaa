"""The page on configuration has every setting as it is in the code, and every environment variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.settings import SettingDescription, describe_settings, environment_names
from tests.core.settings.settings_files import MINIMAL, load

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("row", describe_settings(), ids=lambda row: row.path)
def test_setting_is_documented_as_it_is(page: str, row: SettingDescription) -> None:
    default = row.default_text if row.default_text in ("–", "required") else f"`{row.default_text}`"
    assert f"| `{row.path}` | {row.type_text} | {default} | {row.description} | " in page


@pytest.mark.parametrize(("variable", "path"), environment_names().items())
def test_variable_is_documented_beside_its_setting(page: str, variable: str, path: str) -> None:
    start = f"| `{path.replace('.N', '[]')}` | "
    (line,) = [line for line in page.splitlines() if line.startswith(start)]
    assert f"`{variable}`" in line


def test_page_documents_nothing_else(page: str) -> None:
    settings = page.partition("## Every setting")[2]
    documented = [line.split("`")[1] for line in settings.splitlines() if line.startswith("| `")]
    assert sorted(documented) == sorted(row.path for row in describe_settings())


@pytest.mark.parametrize("row", describe_settings(), ids=lambda row: row.path)
def test_setting_is_described_in_a_sentence(row: SettingDescription) -> None:
    assert row.description.endswith(".")
    assert "\n" not in row.description


@pytest.mark.parametrize(
    ("path", "type_text", "default"),
    [
        ("registryName", "string", "default"),
        ("sources[].git.repository", "string", "required"),
        ("sources[].api.timeout", "duration", "10s"),
        ("sources[].filter.names.include", "list of strings", "–"),
        ("sources[].api.headers", "map of strings", "–"),
        ("sources[].api.fullSyncInterval", "duration", "24h0m0s"),
        ("sources[].claims", "map of strings or lists of strings", "–"),
        ("registries[].sources", "list of strings", "–"),
        ("database.port", "integer", "required"),
        ("database.password", "secret string", "–"),
        ("database.maxMetaSize", "integer", "262144"),
        ("redis.url", "string", "required"),
        ("redis.password", "secret string", "–"),
        ("sync.runRetention", "duration", "720h0m0s"),
        ("outbound.allowPrivate", "list of strings", "–"),
        ("outbound.allowFileRepositories", "boolean", "false"),
        ("auth.mode", "one of anonymous, oauth", "oauth"),
        ("auth.oauth.scopesSupported", "list of strings", "mcp-registry:read, mcp-registry:write"),
        ("auth.oauth.providers[].allowPrivateIP", "boolean", "false"),
        ("auth.authz.roles.superAdmin", "list of claim maps", "–"),
        ("telemetry.tracing.sampling", "number", "0.05"),
        ("log_level", "one of debug, info, warning, error", "info"),
    ],
)
def test_row_tells_type_and_default(path: str, type_text: str, default: str) -> None:
    (row,) = [row for row in describe_settings() if row.path == path]
    assert (row.type_text, row.default_text) == (type_text, default)


def test_examples_of_the_page_load(page: str, tmp_path: Path) -> None:
    examples = [part.partition("```")[0] for part in page.split("```yaml\n")[1:]]
    assert len(examples) == 4
    for example in examples:
        settings = load(tmp_path, example if "registries:" in example else example + MINIMAL)
        assert settings.registries
        assert settings.warnings == ()
