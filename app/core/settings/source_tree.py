"""The blocks `sources[]` and `registries[]`, typed. Owns shape and defaults; what must hold is in source_rules."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from app.core.settings.values import (
    Block,
    Claims,
    Duration,
    FormatName,
    NoClaims,
    NoTexts,
    RequiredText,
    TextList,
    Texts,
    Timeout,
    Whole,
)


class SourceKind(StrEnum):
    """Where the entries of a source come from; each value is also the YAML key of its block."""

    GIT = "git"
    API = "api"
    FILE = "file"
    MANAGED = "managed"
    KUBERNETES = "kubernetes"


FETCHED_KINDS = frozenset({SourceKind.GIT, SourceKind.API, SourceKind.FILE})
"""The kinds that are synchronised by interval; the others are written to by users or by the cluster."""


def _strip_slash(endpoint: str) -> str:
    return endpoint.removesuffix("/")


class GitAuthSettings(Block):
    username: str = ""
    """User name for HTTP Basic; needs `passwordFile` too."""

    password_file: str = ""
    """Absolute path of the file that holds the password or token; it is read again at every fetch."""


class GitSettings(Block):
    repository: RequiredText = ""
    """Address of the repository: an https, http, ssh, git or file URL, `user@host:path`, or a path of the local disk;
    without a password. For what is on the disk see `outbound.allowFileRepositories`."""

    branch: str = ""
    """Branch to read; at most one of `branch`, `tag` and `commit`. Without any, the repository's default branch."""

    tag: str = ""
    """Tag to read instead of a branch."""

    commit: str = ""
    """Commit to read instead of a branch: its hash, in full or shortened to at least 4 hex digits."""

    path: str = "registry.json"
    """Path of the registry file inside the repository, without a leading slash."""

    auth: GitAuthSettings | None = None
    """Credentials for a private repository."""


class ApiSettings(Block):
    endpoint: Annotated[RequiredText, AfterValidator(_strip_slash)] = ""
    """Base URL of a server that speaks the MCP Registry API; one trailing slash is dropped."""

    timeout: Timeout = timedelta(seconds=10)
    """Time allowed for each request; more than zero, at most 5m."""

    auth_token_file: str = ""
    """Absolute path of a file whose content is sent as bearer token; it is read again at every fetch."""

    ca_cert_path: str = ""
    """Absolute path of a PEM file whose authorities replace the system's for this source."""

    headers: Texts = NoTexts
    """Headers added to every request, such as `X-Tenant: catalogue`. They are stored and shown with the source: a
    secret belongs in `authTokenFile`."""

    full_sync_interval: Duration = timedelta(hours=24)
    """Time after which everything is read again instead of what changed since the last fetch; more than zero."""


class FileSettings(Block):
    path: str = ""
    """Path of the registry file, absolute or relative to the working directory; exactly one of `path` and `url`."""

    url: str = ""
    """http or https address of the registry file, instead of `path`."""

    data: str = ""
    """Inline JSON. Only sources that are created through the API have it; the configuration file may not use it."""

    timeout: Timeout = timedelta(seconds=30)
    """Time allowed to download from `url`; more than zero."""


class ManagedSettings(Block):
    """A source that users publish to. Write it as `managed: {}`."""


class KubernetesSettings(Block):
    namespaces: TextList = ()
    """Namespaces to watch. Without any: those of `watch_namespace`, else all namespaces."""


class SyncPolicySettings(Block):
    interval: Duration | None = None
    """Time between two synchronisations; required for git, api and file, ignored for managed and kubernetes."""

    max_removal_percent: Whole = 50
    """Percentage of the entries, 0 to 100, that one run may remove, where there are ten or more; a run that would
    remove more, or all of the entries, is held until an operator accepts it; 100 switches the guard off."""


class FilterListSettings(Block):
    include: TextList = ()
    """What passes; empty means everything. Names are matched as globs, tags exactly."""

    exclude: TextList = ()
    """What is left out, even if it is included. Names are matched as globs, tags exactly."""


class FilterSettings(Block):
    names: FilterListSettings = FilterListSettings()
    """Filter by entry name, with globs: `*`, `?`, `[a-z]`, `[!a-z]`, `{a,b}`; `*` also matches a slash."""

    tags: FilterListSettings = FilterListSettings()
    """Filter by tag, compared exactly."""


class SourceSettings(Block):
    """One source. After loading, exactly one of the five kind blocks is set."""

    name: RequiredText = ""
    """Unique name: in `sources` lower-case letters, digits and hyphens, at most 63 characters."""

    format: FormatName = None
    """`upstream` or `toolhive`: how the data are written. Left out, it is detected; `api` knows only `upstream`."""

    git: GitSettings | None = None
    """Read a registry file from a git repository. Exactly one of the five kinds must be given."""

    api: ApiSettings | None = None
    """Copy the entries of another MCP registry."""

    file: FileSettings | None = None
    """Read a registry file from disk or from a URL."""

    managed: ManagedSettings | None = None
    """Hold what users publish. Write `{}`; `sources` may have one such source."""

    kubernetes: KubernetesSettings | None = None
    """Collect the entries from the annotated objects of a Kubernetes cluster; `{}` takes the defaults."""

    sync_policy: SyncPolicySettings = SyncPolicySettings()
    """When the source is fetched and how much of it one run may remove."""

    filter: FilterSettings | None = None
    """Which entries are taken over; left out, all are."""

    claims: Claims = NoClaims
    """Labels of the source: each value is a string or a list of strings; the keys keep their case."""

    @property
    def kinds(self) -> tuple[SourceKind, ...]:
        """Every kind whose block is given."""
        return tuple(kind for kind in SourceKind if getattr(self, kind.value) is not None)

    @property
    def kind(self) -> SourceKind:
        """The kind of a loaded source. Raises ValueError for a source without any kind block."""
        if not self.kinds:
            raise ValueError(f"source {self.name!r} has no kind")
        return self.kinds[0]

    @property
    def sync_interval(self) -> timedelta | None:
        """Time between two synchronisations; None for managed and kubernetes, which are not fetched."""
        return self.sync_policy.interval if self.kind in FETCHED_KINDS else None


class RegistrySettings(Block):
    """One registry that consumers query."""

    name: RequiredText = ""
    """Unique name."""

    sources: TextList = ()
    """Names of its sources, in order of precedence."""

    claims: Claims = NoClaims
    """Labels of the registry."""


class RegistryItemSettings(SourceSettings):
    """One item of `registries:` as it stands in the file, in either generation."""

    name: RequiredText = ""
    """Unique name without blanks; `v0` and `v0.1` are taken by the API."""

    sources: TextList = ()
    """Names of the registry's sources: for each name of an entry the first source that has it wins."""

    claims: Claims = NoClaims
    """Labels of the registry; in the v0.4.9 style also of its source. The keys keep their case."""
