"""What must hold of the block `outbound`, and which sources it plainly keeps from being fetched.

Only what the configuration itself shows is judged here, with warnings: the names of hosts are resolved, and addresses
refused, when a source is fetched (app.sources.outbound).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from app.core.settings.draft import Draft, Place
from app.core.settings.repositories import Repository, read_repository
from app.core.settings.source_tree import SourceSettings
from app.core.settings.sync_tree import OutboundSettings
from app.core.settings.syntax import holds_login, split_url

_LABEL = re.compile(r"[A-Za-z0-9_*]([A-Za-z0-9_*-]{0,61}[A-Za-z0-9_*])?")
_PART_OF_ADDRESS = re.compile(r"[0-9.*]*[0-9][0-9.*]*|(.*\.)?(0[xX][0-9a-fA-F]*|[0-9]+)")
_LOOPBACK = ("127.0.0.1", "::1")
_REFUSED = "its synchronisations will be refused"
_EXAMPLES = "write a host, a glob such as *.corp.example, an address or a network such as 10.0.0.0/8"


def check_outbound(draft: Draft, outbound: OutboundSettings) -> None:
    """Check what may be fetched from although it is not public."""
    place = Place(draft, ("outbound", "allowPrivate"))
    for index, item in enumerate(outbound.allow_private):
        fault, fix = _find_fault(item)
        if fault:
            shown = item.rpartition("@")[2]  # what stands before it in a URL is a password
            place.object((index,), f"outbound.allowPrivate[{index}] '{shown}' {fault}", fix)
        elif item == "*" or ("/" in item and ip_network(item).prefixlen == 0):
            draft.warn(f"outbound.allowPrivate[{index}] '{item}' lets sources be fetched from every address inside")


def _find_fault(item: str) -> tuple[str, str]:
    """What is wrong and how to mend it, as the rest of a sentence; two empty texts if nothing is."""
    if "://" in item:
        return "is a URL, not a host", "write its host alone"
    if "/" in item:
        return _find_network_fault(item)
    try:
        ip_address(item)
    except ValueError:
        if _PART_OF_ADDRESS.fullmatch(item):
            return "is a part of an address", "write the whole address, or a network such as 10.0.0.0/8"
        if not all(_LABEL.fullmatch(label) for label in item.split(".")):
            return "is no host, glob, address or network", f"{_EXAMPLES}, without a port"
    return "", ""


def _find_network_fault(item: str) -> tuple[str, str]:
    try:
        network = ip_network(item, strict=False)
    except ValueError:
        return "is not a network", _EXAMPLES
    if ip_address(item.partition("/")[0]) != network.network_address:
        return "has bits set beside its prefix", f"write {network}"
    return "", ""


def warn_of_refusals(place: Place, source: SourceSettings, outbound: OutboundSettings) -> None:
    """Warn of what will be refused when the source is fetched. The reference server fetches it, so it must load."""
    for key, reason in _list_refusals(source, outbound):
        place.draft.warn(f"{place.label}: {key} {reason}")


def _list_refusals(source: SourceSettings, outbound: OutboundSettings) -> Iterator[tuple[str, str]]:
    """The setting that names an address, and why it will be refused, as the rest of a sentence."""
    if source.git is not None and source.git.repository:
        with suppress(ValueError):  # reported as a problem
            yield from _judge_repository("git.repository", read_repository(source.git.repository), outbound)
    if source.api is not None:
        yield from _judge_url("api.endpoint", source.api.endpoint, outbound)
    if source.file is not None:
        yield from _judge_url("file.url", source.file.url, outbound)


def _judge_repository(key: str, repository: Repository, outbound: OutboundSettings) -> Iterator[tuple[str, str]]:
    if not repository.scheme:
        yield key, f"is neither an address nor a path that begins with /, ./ or ~; {_REFUSED}"
    if repository.is_local and not outbound.allow_file_repositories:
        yield key, f"is on the local disk; {_REFUSED}, unless outbound.allowFileRepositories is true"
    if repository.has_login:
        yield key, f"holds a user; {_REFUSED}, as credentials belong in git.auth"
    yield from _judge(key, repository.host, outbound)


def _judge_url(key: str, text: str, outbound: OutboundSettings) -> Iterator[tuple[str, str]]:
    try:
        url = split_url(text)
    except ValueError:
        return  # reported elsewhere
    if holds_login(url):
        yield key, f"holds a user or a password; {_REFUSED}"
    yield from _judge(key, url.hostname or "", outbound)


def _judge(key: str, host: str, outbound: OutboundSettings) -> Iterator[tuple[str, str]]:
    if _is_private(host) and not _is_allowed(host, outbound.allow_private):
        yield key, f"leads to {host}, which is not public; {_REFUSED}, unless outbound.allowPrivate lists it"


def _is_private(host: str) -> bool:
    """Tell whether the host is plainly not public. A name that only resolves to such an address is not seen here."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address: IPv4Address | IPv6Address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return not address.is_global or address.is_multicast


def _is_allowed(host: str, items: Sequence[str]) -> bool:
    name = host.rstrip(".").lower()
    if any(fnmatchcase(name, item.lower()) for item in items):
        return True
    try:
        addresses = [ip_address(name)]
    except ValueError:
        addresses = [ip_address(address) for address in _LOOPBACK]
    return any(_is_within(address, item) for address in addresses for item in items)


def _is_within(address: IPv4Address | IPv6Address, item: str) -> bool:
    try:
        return address in ip_network(item, strict=False)
    except ValueError:
        return False  # a name
