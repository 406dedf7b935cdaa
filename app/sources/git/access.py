"""The way to a repository: whether it may be gone, with which credentials, and how git is bound to it.

Git is told everything by its environment: credentials never stand in a command line, an address or a file. It is
bound to the very addresses that were judged, but for ssh, which looks the host up once more by itself.
"""

from __future__ import annotations

import asyncio
import base64
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpx

from app.core.errors import SourceError
from app.sources.fetching import FetchRequest
from app.sources.git.address import WEB, Address, bracket
from app.sources.git.faults import explain_disk
from app.sources.git.limits import Limits
from app.sources.git.redirects import follow_redirects
from app.sources.http.proxies import find_proxy
from app.sources.http.transport import LOOKUP_SECONDS
from app.sources.outbound import Outbound, Unresolved

_SSH: Final = "ssh -o BatchMode=yes -o ConnectTimeout=10 -o ControlMaster=no"  # a master would outlive us
_LARGEST_PASSWORD: Final = 2**16


@dataclass(frozen=True, slots=True)
class Access:
    """What git is given. `scheme` is the only one it may speak. `secrets` are the texts that no message may hold;
    `login` tells that there are credentials. `note` is what the operator should know when it fails.
    """

    scheme: str
    url: str
    settings: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    login: bool = False
    note: str = ""


async def open_access(request: FetchRequest, address: Address, folder: Path, limits: Limits) -> Access:
    """How git gets to `address`; `folder` is where its own files are. Raises SourceError where it must not go."""
    auth = request.own.get("auth")
    if address.scheme == "file":
        _check_local(request)
    if address.scheme == "ssh" and not request.trusted:
        raise SourceError(
            "git.repository: ssh repositories can only be named in the configuration file, because the server's own"
            " keys open them; use an https address"
        )
    if auth and not request.trusted:
        raise SourceError("git.auth can only be given in the configuration file, because it names a file of the server")
    if auth and address.scheme not in WEB:
        hint = "remove git.auth; ssh takes its keys from the ssh agent" if address.scheme == "ssh" else "remove it"
        raise SourceError(f"git.auth is for https addresses only, and git.repository is none; {hint}")
    match address.scheme:
        case "file":
            return _open_local(address, folder)
        case "ssh":
            await request.outbound.resolve(address.host, address.port)
            ambient = {"HOME": os.environ.get("HOME", str(folder)), "GIT_SSH_COMMAND": _SSH, "GIT_SSH_VARIANT": "ssh"}
            return Access("ssh", address.url, environment=ambient)
        case "git":
            return await _open_daemon(request.outbound, address)
        case _:
            return await _open_web(request.outbound, address, auth, limits)


def _check_local(request: FetchRequest) -> None:
    if not request.trusted:
        raise SourceError(
            "git.repository names the local disk, which only sources of the configuration file may (and only with"
            " outbound.allowFileRepositories); use an https address"
        )
    if not request.outbound.allow_file_repositories:
        raise SourceError(
            "git.repository names the local disk; set outbound.allowFileRepositories: true, or use an https address"
        )


def _open_local(address: Address, folder: Path) -> Access:
    """Whose the repository is does not matter: the operator chose it. Git reads that setting only from a file."""
    path = folder / "gitconfig"
    try:
        path.write_text("[safe]\n\tdirectory = *\n")
    except OSError as error:
        raise explain_disk(error) from error
    return Access("file", address.url, environment={"GIT_CONFIG_GLOBAL": str(path)})


async def _open_daemon(outbound: Outbound, address: Address) -> Access:
    """Git is given an address that was judged, and the name to ask for there."""
    found = await outbound.resolve(address.host, address.port)
    path = address.url.partition("://")[2].partition("/")[2]
    name = f"{bracket(address.host)}:{address.port}"
    url = f"git://{bracket(found[0])}:{address.port}/{path}"
    return Access("git", url, environment={"GIT_OVERRIDE_VIRTUAL_HOST": name})


async def _open_web(outbound: Outbound, address: Address, auth: Mapping[str, Any] | None, limits: Limits) -> Access:
    proxy = find_proxy(address.scheme, address.host, address.port)
    await _judge(outbound, address, proxy)
    access = Access(address.scheme, address.url)
    if auth:
        access = await _add_login(access, outbound, address, auth)
    final = await follow_redirects(outbound, address, float(limits.stall_seconds))
    if final != address:
        proxy = find_proxy(final.scheme, final.host, final.port)
        access = replace(access, scheme=final.scheme, url=final.url, note=f"it redirects to {final.url}")
        if access.login and final.origin != address.origin:
            note = f"{access.note}, where git.auth was not sent: write that address into git.repository"
            access = replace(access, login=False, note=note)
    pins = await _judge(outbound, final, proxy)
    access = _add_proxy(access, proxy)
    return replace(access, settings=(*access.settings, *pins))


async def _judge(outbound: Outbound, address: Address, proxy: httpx.Proxy | None) -> tuple[tuple[str, str], ...]:
    """The setting that binds git to the addresses judged; none for a name that only the proxy knows."""
    try:
        async with asyncio.timeout(None if proxy is None else LOOKUP_SECONDS):
            found = await outbound.resolve(address.host, address.port)
    except (Unresolved, TimeoutError):
        if proxy is None:
            raise
        return ()
    if address.host in found:
        return ()
    pinned = ",".join(bracket(item) for item in found)
    return (("http.curloptResolve", f"{address.host}:{address.port}:{pinned}"),)


async def _add_login(access: Access, outbound: Outbound, address: Address, auth: Mapping[str, Any]) -> Access:
    if address.scheme != "https" and not outbound.trusts(address.host):
        raise SourceError(
            f"git.auth would send the password to {address.host} over plain http; use https, or add the host to"
            " outbound.allowPrivate"
        )
    user = str(auth.get("username") or "")
    if not user or ":" in user:
        raise SourceError("git.auth.username must be given and must not hold a colon")
    password = await asyncio.to_thread(_read_password, Path(str(auth.get("passwordFile") or "")))
    text = base64.b64encode(user.encode() + b":" + password).decode()
    setting = (f"http.{address.origin}/.extraHeader", f"Authorization: Basic {text}")
    secrets = (text, password.decode("utf-8", "replace"), quote(password, safe=""))
    return replace(access, settings=(*access.settings, setting), secrets=secrets, login=True)


def _read_password(path: Path) -> bytes:
    """What stands in the file, without white space around it. One line: any other file was not meant to be sent."""
    where = f"git.auth.passwordFile: {str(path)!r}"
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise SourceError(f"{where} is no regular file; name the file that holds the password")
            password = file.read(_LARGEST_PASSWORD).strip()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no valid path"
        raise SourceError(f"{where} cannot be read: {reason}; mount the file, or correct the path") from None
    if not password:
        raise SourceError(f"{where} is empty; write the password or token into it")
    if any(byte < 0x20 or byte == 0x7F for byte in password):
        raise SourceError(f"{where} must hold the password or token alone, in one line")
    return password


def _add_proxy(access: Access, proxy: httpx.Proxy | None) -> Access:
    """The same choice of the way as for all other requests: git's own reading of the environment differs."""
    if proxy is None:
        return replace(access, settings=(*access.settings, ("http.proxy", "")))
    login, secrets = "", access.secrets
    if proxy.raw_auth is not None:
        user, password = (quote(part, safe="") for part in proxy.raw_auth)
        login = f"{user}:{password}@"
        secrets = (*secrets, *filter(None, (password, proxy.raw_auth[1].decode("utf-8", "replace"))))
    port = proxy.url.port or (443 if proxy.url.scheme == "https" else 80)  # without one, git takes another
    place = f"{proxy.url.scheme}://{login}{bracket(proxy.url.host)}:{port}"
    environment = {**access.environment, "no_proxy": "", "NO_PROXY": ""}
    settings = (*access.settings, ("http.proxy", place))
    return replace(access, settings=settings, environment=environment, secrets=secrets)
