"""The blocks `sync`, `outbound` and `redis`, typed: who synchronises, how much at a time and from where.

Owns shape and defaults; what must hold of them is in sync_rules and outbound_rules.
"""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from app.core.settings.syntax import split_host_port
from app.core.settings.values import Block, Duration, Flag, RequiredText, Secret, TextList, Whole

_REDIS_PORT = 6379


class SyncSettings(Block):
    concurrency: Whole = 4
    """Sources that one process synchronises at the same time, 1 to 64."""

    run_retention: Duration = timedelta(days=30)
    """How long runs stay in the history; the newest 20 of each source always stay."""

    tombstone_retention: Duration = timedelta(days=30)
    """How long a version that vanished from its source is remembered as deleted."""


class OutboundSettings(Block):
    allow_private: TextList = ()
    """What may be fetched from although its address is not public: host names, globs such as `*.corp.example`,
    addresses, networks such as `10.0.0.0/8`."""

    allow_file_repositories: Flag = False
    """Whether git sources of the configuration file may read repositories of the local disk; those of the API never
    may."""


class RedisSettings(Block):
    """A Redis server, or the sentinels that know it. The properties are those of a checked configuration."""

    url: RequiredText = ""
    """`redis://host:6379/0`, or `rediss://` for TLS, without user and password; the number is the database. With
    `sentinels` its host does not count: `redis:///0`."""

    username: str = ""
    """User to sign in as; left out, Redis's default user."""

    password: Secret = None
    """Password to sign in with."""

    password_file: str = ""
    """Absolute path of the file that holds the password, instead of `password`."""

    ca_cert_path: str = ""
    """Absolute path of a PEM file with the authorities that the server's certificate is checked against; only with
    `rediss://`."""

    sentinels: TextList = ()
    """Redis Sentinels, each as `host:port`, that are asked where the server is; needs `sentinelMaster` too."""

    sentinel_master: str = ""
    """Name under which the sentinels know the server."""

    queue: str = "thv-registry-api"
    """Name of the queue of jobs: lower-case letters, digits and hyphens, at most 63 characters. Instances that share a
    Redis server need one each."""

    @property
    def uses_tls(self) -> bool:
        return urlsplit(self.url).scheme == "rediss"

    @property
    def host(self) -> str:
        """Empty where only the sentinels know it."""
        return "" if self.sentinels else urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or _REDIS_PORT

    @property
    def database(self) -> int:
        return int(urlsplit(self.url).path.strip("/") or "0")

    @property
    def sentinel_addresses(self) -> tuple[tuple[str, int], ...]:
        """Host, without the brackets of an IPv6 address, and port of each sentinel."""
        return tuple(split_host_port(text) for text in self.sentinels)
