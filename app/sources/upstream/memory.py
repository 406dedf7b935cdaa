"""What is remembered of an upstream from one fetch to the next: the state of a source of kind api."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from app.sources.documents import READING
from app.sources.upstream.items import format_time, parse_time

OVERLAP: Final = timedelta(minutes=2)
"""Asked for again at each fetch: changes become visible a little after the time they carry, at most by so much."""

SECOND: Final = timedelta(seconds=1)

SETTLED: Final = OVERLAP + 2 * SECOND
"""How long the newest time has to stand: whatever carries the same second is visible then, also where clocks tell
whole seconds."""

MAX_VALIDATOR: Final = 1000
"""Characters of an ETag."""


@dataclass(frozen=True, slots=True)
class Memory:
    """`since`: what changed later is yet to be fetched; None when the upstream tells no times. `newest`: the latest
    change seen, and `newest_at` the upstream's time when it was first seen. `full_at`: when the last full pass began.
    `digest`: what that one brought, while nothing else came after it. `plain_at`: when the upstream last refused our
    parameters. The rest are the validators of `url`.
    """

    endpoint: str
    since: datetime | None = None
    newest: datetime | None = None
    newest_at: datetime | None = None
    full_at: datetime | None = None
    plain_at: datetime | None = None
    digest: str = ""
    url: str = ""
    etag: str = ""
    last_modified: str = ""

    def dump(self) -> dict[str, Any]:
        """JSON that `recall` understands; what is not known is left out."""
        times = {
            "since": self.since,
            "newest": self.newest,
            "newestAt": self.newest_at,
            "fullAt": self.full_at,
            "plainAt": self.plain_at,
        }
        texts = {"digest": self.digest, "url": self.url, "etag": self.etag, "lastModified": self.last_modified}
        state: dict[str, Any] = {"endpoint": self.endpoint, "reading": READING}
        state |= {key: format_time(time) for key, time in times.items() if time is not None}
        return state | {key: text for key, text in texts.items() if text}

    def advance(self, newest: datetime | None, begun: datetime) -> Memory:
        """From when on to ask after a fetch that began at `begun`, by the upstream's clock, and knows of nothing later
        than `newest`.

        What changed under the pager is asked for again, and at first the last minutes before `newest`. Once it has
        stood for that long, whatever carries that second was visible to this fetch: only what comes after it is asked
        for. Otherwise all that one import stamped with one time would be read again each time.
        """
        if newest is None:
            return replace(self, since=None, newest=None, newest_at=None)
        second = newest.replace(microsecond=0)
        stood = self.newest is not None and self.newest.replace(microsecond=0) == second
        first = self.newest_at if stood and self.newest_at else begun
        settled = begun - max(first, second) >= SETTLED
        # Registries differ in whether `updated_since` includes the time itself, and show more or less of its fraction:
        # the next full second means the same to all of them.
        since = second + SECOND if settled else min(newest, begun) - OVERLAP
        if self.since is not None and since < self.since <= begun - OVERLAP:
            since = self.since
        return replace(self, since=since, newest=newest, newest_at=min(first, begun))

    def conditions(self, url: str) -> dict[str, str]:
        """The headers that ask whether `url` changed; none if it was not asked for before."""
        given = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified} if url == self.url else {}
        return {name: value for name, value in given.items() if value}

    def validate(self, url: str, headers: Mapping[str, str]) -> Memory:
        """With the validators that came with `url`, in place of those before. Odd ones are left out."""
        texts = (headers.get(name, "") for name in ("etag", "last-modified"))
        etag, last_modified = (text if text.isascii() and len(text) <= MAX_VALIDATOR else "" for text in texts)
        return replace(self, url=url, etag=etag, last_modified=last_modified)


def recall(state: Mapping[str, Any], endpoint: str) -> Memory:
    """The memory of `endpoint`. Empty if the state is that of another one, or documents were read differently then."""
    if state.get("endpoint") != endpoint or state.get("reading") != READING:
        return Memory(endpoint)
    return Memory(
        endpoint,
        since=parse_time(state.get("since")),
        newest=parse_time(state.get("newest")),
        newest_at=parse_time(state.get("newestAt")),
        full_at=parse_time(state.get("fullAt")),
        plain_at=parse_time(state.get("plainAt")),
        digest=_read_text(state, "digest"),
        url=_read_text(state, "url"),
        etag=_read_text(state, "etag"),
        last_modified=_read_text(state, "lastModified"),
    )


def _read_text(state: Mapping[str, Any], key: str) -> str:
    value = state.get(key)
    return value if isinstance(value, str) else ""


def is_recent(time: datetime | None, now: datetime, interval: timedelta) -> bool:
    """Whether `time` lies in the past, by less than `interval`. A clock that was set back makes nothing recent."""
    return time is not None and timedelta(0) <= now - time < interval
