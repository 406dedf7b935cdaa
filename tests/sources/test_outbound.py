"""Which addresses may be fetched from, however they are written and whatever names lead to them."""

from __future__ import annotations

import asyncio
import socket
import threading
from ipaddress import ip_address

import pytest

from app.core.errors import SourceError
from app.sources.outbound import NetworkFailure, Outbound, Unresolved
from tests.webserver import Resolver

PUBLIC = [
    "8.8.8.8",
    "192.0.0.9",
    "2606:4700:4700::1111",
    "[2606:4700:4700::1111]",
    "::ffff:8.8.8.8",
    "2002:808:808::1",
    "64:ff9b::808:808",
]
NOT_PUBLIC = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::", "[::]"],  # noqa: S104 - an address to refuse, nothing is bound
    "loopback": ["127.0.0.1", "127.255.255.254", "::1", "[::1]"],
    "private": ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1", "fc00::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%lo"],
    "shared by a carrier": ["100.64.0.1", "100.127.255.255"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.1", "198.18.0.1", "5f00::1", "4000::1"],
    "documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "site-local": ["fec0::1"],
    "mapped": ["::ffff:127.0.0.1", "[::ffff:10.0.0.1]", "::ffff:a9fe:a9fe"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1"],
    "6to4": ["2002:7f00:1::1", "2002:a01:203::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a01:203"],
}


@pytest.mark.parametrize("address", PUBLIC)
async def test_public_address_may_be_fetched_from(address: str) -> None:
    (found,) = await Outbound().resolve(address, 443)
    assert ip_address(found) == ip_address(address.strip("[]"))


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, address) for kind, addresses in NOT_PUBLIC.items() for address in addresses]
)
async def test_other_address_is_refused_unless_it_is_listed(kind: str, address: str) -> None:
    with pytest.raises(SourceError, match=r"is not public; if it may be .* to outbound\.allowPrivate$") as caught:
        await Outbound().resolve(address, 443)
    assert not isinstance(caught.value, NetworkFailure), kind
    assert str(caught.value).startswith(f"{address.strip('[]')} is not public")
    (found,) = await Outbound((address.partition("%")[0], "fe80::/10")).resolve(address, 443)
    assert ip_address(found) == ip_address(address.strip("[]"))


@pytest.mark.parametrize(
    "host", ["0x7f.1", "0x7f000001", "2130706433", "127.1", "127.0.0.01", "0177.0.0.1", "１２７.0.0.1", "127.0.0.1.."]
)
async def test_address_in_an_odd_spelling_is_refused_even_where_loopback_is_allowed(host: str) -> None:
    with pytest.raises(SourceError, match=r"is no (valid )?host name"):
        await Outbound(("127.0.0.0/8",)).resolve(host, 80)


@pytest.mark.parametrize("host", ["127.0.0.1.", "localhost", "localhost.", "LOCALHOST", "db.localhost"])
async def test_names_of_this_machine_are_refused(host: str) -> None:
    with pytest.raises(SourceError, match=r"(not|none of which is) public") as caught:
        await Outbound().resolve(host, 80)
    assert not isinstance(caught.value, Unresolved)


async def test_name_is_judged_by_its_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(
        monkeypatch,
        open_example=[["8.8.8.8", "2606:4700::1", "8.8.8.8"]],
        mixed_example=[["10.0.0.1", "8.8.4.4", "::1"]],
        git_corp_example=[["10.1.2.3"]],
        two_corp_example=[["10.1.2.3", "fd00::1"]],
    )
    assert await Outbound().resolve("open.example", 443) == ("8.8.8.8", "2606:4700::1")
    assert await Outbound().resolve("mixed.example", 443) == ("8.8.4.4",)
    with pytest.raises(SourceError) as caught:
        await Outbound().resolve("git.corp.example", 443)
    assert str(caught.value) == (
        "git.corp.example has the address 10.1.2.3, which is not public;"
        " if it may be fetched from, add the host or its network to outbound.allowPrivate"
    )
    with pytest.raises(SourceError, match=r"two\.corp\.example has the addresses 10\.1\.2\.3, fd00::1, none of which"):
        await Outbound().resolve("two.corp.example", 443)


@pytest.mark.parametrize(
    ("item", "allowed"),
    [
        ("git.corp.example", True),
        ("GIT.Corp.Example.", True),
        ("*.corp.example", True),
        ("git.*", True),
        ("*", True),
        ("10.1.2.3", True),
        ("10.0.0.0/8", True),
        ("10.1.2.3/8", True),
        ("corp.example", False),
        ("*.example.corp", False),
        ("it.corp.example", False),
        ("10.1.2.4", False),
        ("11.0.0.0/8", False),
        ("10.1.2.*", False),
        ("fd00::/8", False),
        ("", False),
    ],
)
async def test_list_of_what_is_allowed(monkeypatch: pytest.MonkeyPatch, item: str, allowed: bool) -> None:
    Resolver(monkeypatch, git_corp_example=[["10.1.2.3"]])
    outbound = Outbound(("unrelated.example", item))
    if allowed:
        assert await outbound.resolve("git.corp.example", 22) == ("10.1.2.3",)
    else:
        with pytest.raises(SourceError, match="not public"):
            await outbound.resolve("git.corp.example", 22)


async def test_network_allows_the_address_inside_an_ipv6_address() -> None:
    outbound = Outbound(("10.0.0.0/8",))
    assert (
        len(await outbound.resolve("::ffff:10.1.2.3", 80)) == len(await outbound.resolve("64:ff9b::a01:203", 80)) == 1
    )
    with pytest.raises(SourceError, match="not public"):
        await outbound.resolve("64:ff9b::c0a8:1", 80)


async def test_only_the_allowed_ones_of_several_addresses_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, git_corp_example=[["10.1.2.3", "192.168.0.1"]])
    assert await Outbound(("192.168.0.0/16",)).resolve("git.corp.example", 22) == ("192.168.0.1",)


async def test_unknown_name_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    with pytest.raises(Unresolved) as caught:
        await Outbound().resolve("nowhere.example", 443)
    assert str(caught.value) == (
        "nowhere.example cannot be resolved: Name or service not known; check its spelling and the resolver"
    )
    assert caught.value.retryable


@pytest.mark.parametrize(
    "host", ["", ".", "a" * 64 + ".example", "a..example", "[]", "a b", "*", "a\0b", "-o%41", "a:b"]
)
async def test_what_is_no_host_is_refused(host: str) -> None:
    with pytest.raises(SourceError, match="is no valid host name"):
        await Outbound().resolve(host, 443)


async def test_hanging_resolver_is_bounded_by_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        release.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    try:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await Outbound().resolve("slow.example", 443)
    finally:
        release.set()


@pytest.mark.parametrize(
    ("items", "host", "trusted"),
    [
        ((), "127.0.0.1", True),
        ((), "[::1]", True),
        ((), "::ffff:127.0.0.1", True),
        ((), "localhost", True),
        ((), "10.1.2.3", False),
        ((), "registry.example.com", False),
        (("10.0.0.0/8",), "10.1.2.3", True),
        (("*.corp.example",), "registry.corp.example", True),
        (("*.corp.example",), "corp.example", False),
        (("10.0.0.0/8",), "10.example.com", False),
    ],
)
def test_hosts_that_may_be_sent_credentials_in_the_clear(items: tuple[str, ...], host: str, trusted: bool) -> None:
    assert Outbound(items).trusts(host) is trusted
