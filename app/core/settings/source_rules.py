"""What must hold of one source, whichever generation's style it is written in. Owns no rule between sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import timedelta
from pathlib import PurePosixPath

from app.core.globs import translate_glob
from app.core.settings.access import find_access_fault
from app.core.settings.draft import Loc, Place
from app.core.settings.durations import format_duration
from app.core.settings.source_tree import (
    FETCHED_KINDS,
    ApiSettings,
    FileSettings,
    FilterSettings,
    GitAuthSettings,
    GitSettings,
    SourceKind,
    SourceSettings,
    SyncPolicySettings,
)
from app.core.settings.syntax import is_label, split_url
from app.core.settings.values import SourceFormat

_LARGEST_FILTER = 2**20  # characters of the regular expression that the patterns of one list stand for
_LONGEST_TIMEOUT = timedelta(minutes=5)
_ZERO = timedelta(0)


def check_source(place: Place, source: SourceSettings) -> None:
    """Check the body of a source of the file; its name is the business of the list it stands in."""
    _check_kinds(place, source)
    if FETCHED_KINDS.intersection(source.kinds):
        if source.sync_policy.interval is None:
            fix = "add syncPolicy: {interval: 30m}"
            place.object(("syncPolicy", "interval"), "syncPolicy.interval is required", fix)
        check_sync_policy(place, source.sync_policy)
    if source.git is not None and source.git.auth is not None:
        _check_access(place, source.git.auth)
    if source.api is not None and source.api.endpoint:
        _warn_of_endpoint(place, source.api.endpoint)
    if source.file is not None:
        _check_file(place, source.file)
    check_details(place, source)


def check_details(place: Place, source: SourceSettings) -> None:
    """Check what holds of a source wherever it is described, each of its blocks by itself; no file is opened."""
    if source.filter is not None:
        _check_filter(place, source.filter)
    if source.git is not None:
        _check_git(place, source.git)
    if source.api is not None:
        _check_api(place, source.api, source.format)
    if source.file is not None and source.file.url:
        _check_url(place, source.file)
    if source.kubernetes is not None:
        check_namespaces(place, ("kubernetes", "namespaces"), source.kubernetes.namespaces)


def check_namespaces(place: Place, where: Loc, namespaces: Sequence[str]) -> None:
    """Check names of Kubernetes namespaces; `where` is the list's location."""
    for index, namespace in enumerate(namespaces):
        path = ".".join(str(part) for part in where)
        fix = "write the namespace's name: lower-case letters, digits and inner hyphens, at most 63"
        if not is_label(namespace):
            place.object((*where, index), f"{path}[{index}] '{namespace}' must be a valid namespace name", fix)
        elif namespace in namespaces[:index]:
            place.object((*where, index), f"{path}[{index}]: duplicate namespace '{namespace}'", "remove it")


def _check_kinds(place: Place, source: SourceSettings) -> None:
    kinds = source.kinds
    if len(kinds) > 1:
        message = "only one of git, api, file, managed, or kubernetes configuration may be specified"
        place.object((kinds[1].value,), message, f"keep one of {', '.join(kinds)}, or make two sources of it")
    elif not kinds and not place.draft.are_spoilt(place.at(kind.value) for kind in SourceKind):
        message = "one of git, api, file, managed, or kubernetes configuration must be specified"
        place.object((), message, "add one of them; a block without keys is written {}")


def check_sync_policy(place: Place, policy: SyncPolicySettings) -> None:
    """Check the values of a `syncPolicy`, which may be absent."""
    if policy.interval is not None and policy.interval <= _ZERO:
        message = f"syncPolicy.interval must be greater than zero, got {format_duration(policy.interval)}"
        place.object(("syncPolicy", "interval"), message, "write a duration such as 30m")
    if not 0 <= policy.max_removal_percent <= 100:
        message = f"syncPolicy.maxRemovalPercent must be between 0 and 100, got {policy.max_removal_percent}"
        place.object(("syncPolicy", "maxRemovalPercent"), message, "write a percentage; the default is 50")


def _check_filter(place: Place, chosen: FilterSettings) -> None:
    for side in ("include", "exclude"):
        size = 0
        for index, pattern in enumerate(getattr(chosen.names, side)):
            if size > _LARGEST_FILTER:
                message = f"filter.names.{side} stands for too many patterns"
                place.object(("filter", "names", side), message, "use * and classes instead of braces")
                break
            try:
                size += len(translate_glob(pattern))
            except ValueError as fault:
                message = f"filter.names.{side}[{index}] '{pattern}' is not a valid glob: {fault}"
                place.object(("filter", "names", side, index), message, "put a backslash before a literal [ { or \\")


def _check_git(place: Place, git: GitSettings) -> None:
    if not git.repository:
        place.object(("git", "repository"), "git.repository is required", "add the address of the repository")
    chosen = [key for key in ("branch", "tag", "commit") if getattr(git, key)]
    if len(chosen) > 1:
        message = "only one of branch, tag, or commit may be specified"
        place.object(("git", chosen[1]), message, f"keep one of {', '.join(chosen)}")
    path = PurePosixPath(git.path)
    if not git.path or path.is_absolute() or ".." in path.parts:
        message = f"git.path must be a path inside the repository, got '{git.path}'"
        place.object(("git", "path"), message, "write it from the root of the repository, without a leading slash")
    if git.auth is not None:
        _check_git_auth(place, git.auth)


def _check_git_auth(place: Place, auth: GitAuthSettings) -> None:
    where: Loc = ("git", "auth", "passwordFile")
    if not auth.username or not auth.password_file:
        missing = "username" if auth.password_file else "passwordFile"
        message = "git.auth.username and git.auth.passwordFile must both be specified"
        place.object(("git", "auth", missing), message, "add the missing one, or remove git.auth")
    elif not os.path.isabs(auth.password_file):
        place.object(where, "git.auth.passwordFile must be an absolute path", "begin the path with a slash")


def _check_access(place: Place, auth: GitAuthSettings) -> None:
    if auth.username and os.path.isabs(auth.password_file) and (reason := find_access_fault(auth.password_file)):
        message = f"git.auth.passwordFile is not accessible: {reason}"
        place.object(("git", "auth", "passwordFile"), message, "mount the file, or correct the path")


def _check_api(place: Place, api: ApiSettings, source_format: SourceFormat | None) -> None:
    if not api.endpoint:
        place.object(("api", "endpoint"), "api.endpoint is required", "add the base URL of the other registry")
    if api.timeout <= _ZERO:
        place.object(("api", "timeout"), "api.timeout must be greater than zero", "write a duration such as 10s")
    elif api.timeout > _LONGEST_TIMEOUT:
        message = f"api.timeout must not exceed {format_duration(_LONGEST_TIMEOUT)}"
        place.object(("api", "timeout"), message, "write at most 5m")
    if source_format not in (None, SourceFormat.UPSTREAM):
        message = f"format must be either empty or upstream when using api, got {source_format}"
        place.object(("format",), message, "remove format")


def find_url_fault(url: str) -> str:
    """Say why a text is no http or https URL, as the rest of a sentence; an empty text means it is one."""
    try:
        return "" if split_url(url).scheme in ("http", "https") else "must use http or https scheme"
    except ValueError as error:
        return str(error)


def _warn_of_endpoint(place: Place, endpoint: str) -> None:
    # The reference server starts with any text here and fails at each sync, so this must not keep ours from starting.
    if fault := find_url_fault(endpoint):
        place.draft.warn(f"{place.label}: api.endpoint {fault}; its synchronisations will fail")


def _check_file(place: Place, file: FileSettings) -> None:
    if file.data:
        message = "file.data cannot be used in the configuration file"
        place.object(("file", "data"), message, "put the JSON in a file and name it in file.path")
    if not file.path and not file.url:
        place.object(("file", "path"), "file.path or file.url is required", "add one of them")
    elif file.path and file.url:
        place.object(("file", "url"), "file.path and file.url are mutually exclusive", "keep one of them")


def _check_url(place: Place, file: FileSettings) -> None:
    if fault := find_url_fault(file.url):
        place.object(("file", "url"), f"file.url {fault}", "write it as https://host/path")
    if file.timeout <= _ZERO:
        place.object(("file", "timeout"), "file.timeout must be greater than zero", "write a duration such as 30s")
