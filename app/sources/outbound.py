"""Where sources may be fetched from: which hosts and addresses outside may be spoken to.

Owns the judgement of addresses. That connections go to the very address judged is the business of whoever connects
(app.sources.http.transport, and git's own options).
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from app.core.errors import SourceError

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
_DOCUMENTATION: Final = ipaddress.IPv6Network("3fff::/20")  # Python knows it from 3.13 on only
_ENDS_IN_NUMBER: Final = re.compile(r"(?:^|\.)(?:0x[0-9a-f]*|\d+)$", re.IGNORECASE)
_FOREIGN: Final = re.compile(r"[\s\x00-\x2c/:-@\[-^`{-\x7f]")
"""No name holds these; those of other scripts than Latin hold all the rest."""


class NetworkFailure(SourceError):
    """The network is to blame, or the other side's handling of it. `retryable` tells whether another try may help."""

    def __init__(self, message: str, *, retryable: bool = True) -> None:
        super().__init__(message)
        self.retryable = retryable


class Unresolved(NetworkFailure):
    """No address is known for a name."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """`allow_private` names hosts (globs such as `*.corp.example`) and networks (`10.0.0.0/8`) that may be fetched from
    although their addresses are not public. `allow_file_repositories` lets git read repositories of the local disk.
    """

    allow_private: tuple[str, ...] = ()
    allow_file_repositories: bool = False

    async def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of `host` that may be connected to, in the resolver's order; at least one.

        `host` is a name or a literal address, with or without brackets. Raises Unresolved for a name without an
        address, SourceError where none of its addresses may be fetched from. The time limit is the caller's.
        """
        name = _plain(host)
        literal = _read_literal(name)
        addresses = (literal,) if literal else await _look_up(name, port)
        allowed = tuple(str(address) for address in addresses if self._allows(name, address))
        if not allowed:
            raise SourceError(_refusal(name, () if literal else addresses))
        return allowed

    def trusts(self, host: str) -> bool:
        """Whether `host` itself, unresolved, is this machine or is named by `allow_private`: by a glob, or, where it is
        a literal address, by its network. Credentials may go there over plain http.
        """
        name = _plain(host)
        if _is_local_name(name) or self._names(name):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return False
        return any(form.is_loopback or self._lists(form) for form in (address, _target(address)))

    def _allows(self, name: str, address: IPAddress) -> bool:
        target = _target(address)
        return _is_public(target) or self._names(name) or self._lists(address) or self._lists(target)

    def _names(self, name: str) -> bool:
        return any(fnmatchcase(name.lower(), _plain(item).lower()) for item in self.allow_private)

    def _lists(self, address: IPAddress) -> bool:
        networks = map(_read_network, self.allow_private)
        return any(network is not None and address in network for network in networks)


def _plain(host: str) -> str:
    """Without the brackets of an IPv6 address and the final dot of an absolute name."""
    host = host.strip()
    if host.startswith("[") and host.endswith("]"):
        return host[1:-1]
    return host.removesuffix(".")


def _read_literal(name: str) -> IPAddress | None:
    """The address that `name` spells; None for a name.

    Other spellings of IPv4 addresses (`0x7f.1`, `2130706433`, `127.1`) are refused: programs read them differently.
    """
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        if _FOREIGN.search(name) or not all(name.split(".")):
            raise SourceError(f"{name[:100]!r} is no valid host name; check its spelling") from None
        if _ENDS_IN_NUMBER.search(name):
            raise SourceError(f"{name} is no host name; write an address as four decimal numbers: 192.0.2.1") from None
        return None


def _read_network(item: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(_plain(item), strict=False)
    except ValueError:
        return None


async def _look_up(name: str, port: int) -> tuple[IPAddress, ...]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError as error:
        if _is_local_name(name):  # RFC 6761: it means this machine even where the resolver does not know it
            return (ipaddress.IPv4Address("127.0.0.1"),)
        raise Unresolved(f"{name} cannot be resolved: {error.strerror}; check its spelling and the resolver") from error
    except ValueError as error:  # what the codec of international names says of labels that are empty or too long
        raise SourceError(f"{name[:100]!r} is no valid host name; check its spelling") from error
    return tuple(dict.fromkeys(ipaddress.ip_address(entry[4][0]) for entry in found))


def _is_local_name(name: str) -> bool:
    return name.lower() == "localhost" or name.lower().endswith(".localhost")


def _target(address: IPAddress) -> IPAddress:
    """The IPv4 address that packets for an IPv6 address reach in the end; the address itself where there is none."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: IPAddress) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    return address.version == 4 or (address in _UNICAST and address not in _DOCUMENTATION)


def _refusal(name: str, addresses: tuple[IPAddress, ...]) -> str:
    """`addresses` are those of a name; none where `name` is an address itself."""
    hint = "if it may be fetched from, add the host or its network to outbound.allowPrivate"
    shown = ", ".join(str(address) for address in addresses[:5])
    if not addresses:
        return f"{name} is not public; {hint}"
    if len(addresses) == 1:
        return f"{name} has the address {shown}, which is not public; {hint}"
    return f"{name} has the addresses {shown}, none of which is public; {hint}"
