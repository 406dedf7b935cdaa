"""URLs and image references in a server.json, taken apart far enough to be judged. Nothing is fetched."""

from __future__ import annotations

import re
from ipaddress import ip_address
from socket import inet_aton
from typing import Final, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

_UNUSABLE: Final = re.compile(r"[\s\x00-\x20\x7f]")
_NO_HOST: Final = re.compile(r'[<>"\\^`{|}]')
_DOT_SEGMENT: Final = re.compile(r"(?:^|[/\\])\.\.?(?:[/\\]|$)")
_VARIABLE: Final = re.compile(r"\{([^{}]+)\}")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_DOCKER_HUB: Final = "docker.io"


class Origin(NamedTuple):
    """Where packages come from: a server, and the folder on it as the segments of its path."""

    scheme: str
    host: str
    port: int | None
    folder: tuple[str, ...]

    def holds(self, other: Origin) -> bool:
        """Whether `other` is the same place or one below it."""
        return self[:3] == other[:3] and other.folder[: len(self.folder)] == self.folder


def split_url(text: str) -> SplitResult | None:
    """The parts of an absolute http or https URL with a host; None for anything else."""
    if _UNUSABLE.search(text):  # the library would drop some of these characters and judge a different text
        return None
    try:
        parts = urlsplit(text)
        usable = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.port != 0
    except ValueError:  # an address in brackets that is none, or a port beyond its range
        return None
    return parts if usable and not _NO_HOST.search(parts.netloc) else None


def is_https(text: str) -> bool:
    parts = split_url(text)
    return parts is not None and parts.scheme == "https"


def list_variables(url: str) -> tuple[str, ...]:
    """The names of the `{variables}` in a URL, without repetitions, in order."""
    return tuple(dict.fromkeys(_VARIABLE.findall(url)))


def fill_variables(url: str) -> str | None:
    """The URL with a figure, which may stand in a host, port and path alike, for each variable; None where braces are
    left over."""
    filled = _VARIABLE.sub("1", url)
    return None if "{" in filled or "}" in filled else filled


def is_own_machine(host: str) -> bool:
    """Whether the host name means the machine it is used on, so that it is of no use in a registry. Addresses count in
    every spelling that clients resolve, such as 127.1 and 2130706433.
    """
    name = host.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(name) if ":" in name else ip_address(inet_aton(name))
    except (ValueError, OSError):
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def locate_url(text: str) -> Origin | None:
    """Where a URL leads; None if it is none, or if that cannot be told from its text."""
    parts = split_url(text)
    if parts is None or "@" in parts.netloc or _DOT_SEGMENT.search(unquote(parts.path)):
        return None
    port = parts.port or _DEFAULT_PORTS[parts.scheme]
    path = parts.path.removeprefix("/").rstrip("/")
    return Origin(parts.scheme, (parts.hostname or "").rstrip("."), port, tuple(path.split("/")) if path else ())


def locate_image(reference: str) -> Origin | None:
    """Where an image lies, as `https://<host>/<path>` without tag and digest. As docker has it, a reference whose
    first part is no host means Docker Hub, and one of a single part its folder `library`."""
    name = reference.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    name = f"{folder}{slash}{last.partition(':')[0]}"
    host, slash, path = name.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, path = _DOCKER_HUB, name
    if host == _DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    return locate_url(f"https://{host}/{path}")
