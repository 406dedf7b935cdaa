"""Proxies of the environment: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in either case of letters.

Owns the choice of the proxy for one address. httpx makes the choice only for its own transports, and does not know
networks in NO_PROXY.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.request import getproxies

import httpx

from app.core.errors import SourceError


def find_proxy(scheme: str, host: str, port: int) -> httpx.Proxy | None:
    """The proxy that leads to `host`; None for a direct way. Raises SourceError for one that cannot be used."""
    proxies: Mapping[str, str] = getproxies()
    address = proxies.get(scheme) or proxies.get("all")
    if not address or _is_this_machine(host) or _is_excepted(host, port, proxies.get("no", "")):
        return None
    name = f"{scheme.upper()}_PROXY" if proxies.get(scheme) else "ALL_PROXY"
    return _read_proxy(name, address)


def _read_proxy(name: str, address: str) -> httpx.Proxy:
    """The messages do not tell the address: it may hold a password."""
    try:
        url = httpx.URL(address if "://" in address else f"http://{address}")
    except httpx.InvalidURL:
        raise SourceError(f"{name} holds no valid address; write http://host:port") from None
    if url.scheme not in ("http", "https") or not url.raw_host:
        raise SourceError(
            f"{name} names no http or https proxy, and other kinds are not supported; write http://host:port"
        )
    return httpx.Proxy(url)


def _is_this_machine(host: str) -> bool:
    """No proxy can lead here; what a proxy calls localhost would be the proxy."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower().removesuffix(".") == "localhost"


def _is_excepted(host: str, port: int, no_proxy: str) -> bool:
    items = (item.strip().lower() for item in no_proxy.split(","))
    return any(_matches(item, host.lower().removesuffix("."), port) for item in items if item)


def _matches(item: str, host: str, port: int) -> bool:
    """`*`, `10.0.0.0/8`, `192.0.2.1`, `example.com` (with what lies below it), `.example.com`; each but a network may
    end in a port."""
    if item == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(item.strip("[]"), strict=False)
    except ValueError:
        pass  # one of the two is a name, or the item has a port
    name, colon, digits = item.rpartition(":")
    if colon and digits.isdecimal():
        return int(digits) == port and _matches(name, host, port) if name else False
    if item.startswith((".", "*.")):
        return host.endswith(item.removeprefix("*"))
    return host == item or host.endswith(f".{item}")
