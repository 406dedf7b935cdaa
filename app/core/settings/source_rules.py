"""What must hold of one source, whichever generation's style it is written in. Owns no rule between sources."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.core.globs import translate_glob
from app.core.settings.api_rules import check_api, check_api_files, warn_of_endpoint
from app.core.settings.draft import Loc, Place
from app.core.settings.durations import format_duration
from app.core.settings.git_rules import check_git, check_git_files
from app.core.settings.source_tree import (
    FETCHED_KINDS,
    FileSettings,
    FilterSettings,
    SourceKind,
    SourceSettings,
    SyncPolicySettings,
)
from app.core.settings.syntax import find_url_fault, is_label

_LARGEST_FILTER = 2**20  # characters of the regular expression that the patterns of one list stand for
_ZERO = timedelta(0)


def check_source(place: Place, source: SourceSettings) -> None:
    """Check the body of a source of the file; its name is the business of the list it stands in."""
    _check_kinds(place, source)
    if FETCHED_KINDS.intersection(source.kinds):
        if source.sync_policy.interval is None:
            fix = "add syncPolicy: {interval: 30m}"
            place.object(("syncPolicy", "interval"), "syncPolicy.interval is required", fix)
        check_sync_policy(place, source.sync_policy)
    if source.git is not None:
        check_git_files(place, source.git)
    if source.api is not None:
        check_api_files(place, source.api)
        if source.api.endpoint:
            warn_of_endpoint(place, source.api.endpoint)
    if source.file is not None:
        _check_file(place, source.file)
    check_details(place, source)


def check_details(place: Place, source: SourceSettings) -> None:
    """Check what holds of a source wherever it is described, each of its blocks by itself; no file is opened."""
    if source.filter is not None:
        _check_filter(place, source.filter)
    if source.git is not None:
        check_git(place, source.git)
    if source.api is not None:
        check_api(place, source.api, source.format)
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
