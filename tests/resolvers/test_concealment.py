"""What of a source's settings is shown, and what is masked."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from app.resolvers.concealment import conceal, mask_login


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://u:s3cret@example.org/a", "https://u:***@example.org/a"),
        ("https://u:s3@cr:et@example.org:8443", "https://u:***@example.org:8443"),
        ("https://u:@example.org", "https://u:***@example.org"),
        ("HTTPS://s3cret@example.org/a?b=c@d", "HTTPS://***@example.org/a?b=c@d"),
        ("https://:s3cret@[::1]:80/#x", "https://:***@[::1]:80/#x"),
        ("ssh://git:s3cret@example.org/a.git", "ssh://git:***@example.org/a.git"),
        ("ssh://git@example.org/a.git", "ssh://git@example.org/a.git"),
        ("git@example.org:a/b.git", "git@example.org:a/b.git"),
        ("https://example.org/@scope/a:b@c", "https://example.org/@scope/a:b@c"),
        ("https://example.org?user@host", "https://example.org?user@host"),
        ("/srv/a@b:c.json", "/srv/a@b:c.json"),
        ("", ""),
    ],
)
def test_login_of_a_url_is_masked(text: str, shown: str) -> None:
    assert mask_login(text) == shown


def test_settings_are_masked_at_any_depth_and_stay_as_they_were() -> None:
    address = "https://u:s3cret@example.org"
    config: dict[str, Any] = {
        "api": {"endpoint": address, "headers": {"X-A": "s3cret", "X-B": ""}, "timeout": "10s", "more": [address, 5]},
        "format": "upstream",
    }
    before = copy.deepcopy(config)
    masked = "https://u:***@example.org"
    assert conceal(config) == {
        "api": {"endpoint": masked, "headers": {"X-A": "***", "X-B": "***"}, "timeout": "10s", "more": [masked, 5]},
        "format": "upstream",
    }
    assert config == before


def test_inline_data_are_told_by_their_size_or_kept() -> None:
    data = '{"a": "é https://u:p@example.org"}' + " " * 2000
    config = {"file": {"data": data}}
    assert conceal(config) == {"file": {"data": f"({len(data.encode()):,} bytes of inline data)"}}
    assert conceal(config, keep_data=True) == config


@pytest.mark.parametrize("config", [{}, {"managed": {}}, {"git": {"repository": "https://example.org/a.git"}}])
def test_settings_without_secrets_are_shown_as_they_are(config: dict[str, Any]) -> None:
    assert conceal(config) == config
