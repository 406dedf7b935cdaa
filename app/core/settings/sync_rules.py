"""What must hold of the blocks `sync` and `redis`."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

from app.core.settings.access import check_absolute, check_readable
from app.core.settings.draft import Draft, Place
from app.core.settings.durations import format_duration
from app.core.settings.sync_tree import RedisSettings, SyncSettings
from app.core.settings.syntax import is_label, is_plain, split_host_port
from app.core.settings.tree import Document

_MOST_SOURCES = 64
_DATABASE = re.compile(r"/?|/[0-9]{1,9}/?")
_EXAMPLE = "write it as redis://host:6379/0, or rediss:// for TLS"
_SENTINEL_EXAMPLE = "write it as redis:///0, or rediss:///0 for TLS"


def check_sync(draft: Draft, document: Document) -> None:
    """Check who synchronises, and how much at a time."""
    root = Place(draft, ())
    _check_amounts(root, document.sync)
    if document.redis is not None:
        _check_url(root, document.redis)
        _check_login(root, document.redis)
        _check_sentinels(root, document.redis)
        if not is_label(document.redis.queue):
            message = f"redis.queue '{document.redis.queue}' is not a name for a queue"
            fix = "write lower-case letters, digits and inner hyphens, at most 63"
            root.object(("redis", "queue"), message, fix)


def _check_amounts(place: Place, sync: SyncSettings) -> None:
    if not 1 <= sync.concurrency <= _MOST_SOURCES:
        message = f"sync.concurrency must be between 1 and {_MOST_SOURCES}, got {sync.concurrency}"
        place.object(("sync", "concurrency"), message, "write a number of sources; the default is 4")
    for key, length in (("runRetention", sync.run_retention), ("tombstoneRetention", sync.tombstone_retention)):
        if length <= timedelta(0):
            message = f"sync.{key} must be greater than zero, got {format_duration(length)}"
            place.object(("sync", key), message, "write a duration such as 720h")


def _check_url(place: Place, redis: RedisSettings) -> None:
    where = ("redis", "url")
    fix = _SENTINEL_EXAMPLE if redis.sentinels else _EXAMPLE
    if not redis.url:
        message = "redis.url is required when redis is configured"
        place.object(where, message, f"{fix}, or remove redis to have the server synchronise by itself")
    elif "@" in redis.url:
        message = "redis.url must not hold a user or a password"
        place.object(where, message, "write them to redis.username and redis.passwordFile (or redis.password)")
    elif fault := _find_url_fault(redis.url, bool(redis.sentinels)):
        place.object(where, f"redis.url {fault}", fix)
    elif redis.sentinels and urlsplit(redis.url).netloc:
        place.draft.warn("the host of redis.url has no effect together with redis.sentinels: they are asked for it")


def _find_url_fault(text: str, has_sentinels: bool) -> str:
    """Say what is wrong, as the rest of a sentence. Nothing is quoted: a password may stand where none belongs."""
    if not is_plain(text):
        return "contains blanks or control characters"
    try:
        url = urlsplit(text)
        _ = url.port  # urlsplit checks the port only when it is asked for
    except ValueError:
        return "has a host or port that cannot be read"
    if url.scheme not in ("redis", "rediss"):
        return "must begin with redis:// or rediss://"
    if not url.hostname and not has_sentinels:
        return "must name a host"
    if url.query or url.fragment or not _DATABASE.fullmatch(url.path):
        return "must have nothing after its host but a slash and the number of the database"
    return ""


def _check_login(place: Place, redis: RedisSettings) -> None:
    if redis.password is not None and redis.password_file:
        message = "redis.password and redis.passwordFile are mutually exclusive"
        place.object(("redis", "password"), message, "keep one of them")
    for key, path in (("passwordFile", redis.password_file), ("caCertPath", redis.ca_cert_path)):
        check_absolute(place, ("redis", key), path)
        check_readable(place, ("redis", key), path)
    if redis.ca_cert_path and redis.url and not redis.uses_tls and not place.draft.is_spoilt(("redis", "url")):
        message = "redis.caCertPath can only be used with TLS"
        place.object(("redis", "caCertPath"), message, "begin redis.url with rediss://, or remove redis.caCertPath")


def _check_sentinels(place: Place, redis: RedisSettings) -> None:
    if bool(redis.sentinels) != bool(redis.sentinel_master):
        missing = "sentinelMaster" if redis.sentinels else "sentinels"
        message = "redis.sentinels and redis.sentinelMaster must both be specified"
        place.object(("redis", missing), message, "add the missing one, or remove both")
    for index, text in enumerate(redis.sentinels):
        try:
            split_host_port(text)
        except ValueError as fault:
            message = f"redis.sentinels[{index}] {fault}"
            place.object(("redis", "sentinels", index), message, "write it as host:26379")
