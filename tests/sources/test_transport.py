"""The way to a server: certificates, and the proxies of the environment."""

from __future__ import annotations

import asyncio
import base64
import gc
from collections.abc import Mapping
from pathlib import Path

import pytest

from app.core.errors import SourceError
from app.sources.http import Answer, NetworkFailure, get, open_client, transport
from app.sources.http.proxies import find_proxy
from app.sources.http.transport import create_context
from app.sources.outbound import Outbound
from tests.webserver import Reply, Resolver, listening, make_certificate, proxying, serve_tls, serving

LOOPBACK = Outbound(("127.0.0.0/8",))
SECRET = "s3cret"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, *map(str.lower, PROXY_VARIABLES), "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


async def fetch(url: str, outbound: Outbound = LOOPBACK, *, ca_file: Path | str = "") -> Answer:
    async with open_client(outbound, timeout=20, ca_file=str(ca_file)) as client:
        return await get(client, url, timeout_seconds=20)


async def fail(url: str, outbound: Outbound = LOOPBACK, *, ca_file: Path | str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        await fetch(url, outbound, ca_file=ca_file)
    assert SECRET not in str(caught.value)
    return caught.value


async def test_certificate_is_checked_for_the_name_though_the_connection_goes_to_an_address(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    Resolver(monkeypatch, registry_example_com=[["127.0.0.1"]], other_example_com=[["127.0.0.1"]])
    async with serving({"/": Reply(body=b"safe")}, tls=serve_tls(certificate)) as server:
        answer = await fetch(server.url(host="registry.example.com"), ca_file=certificate)
        assert answer.body == b"safe"
        assert server.seen[0].headers["host"] == f"registry.example.com:{server.port}"
        assert (await fetch(server.url(host="registry.example.com."), ca_file=certificate)).body == b"safe"
        assert (await fetch(server.url(), ca_file=certificate)).body == b"safe"
        error = await fail(server.url(host="other.example.com"), ca_file=certificate)
    assert isinstance(error, NetworkFailure)
    assert not error.retryable
    assert str(error).startswith(
        f"the certificate of other.example.com:{server.port} is not accepted: Hostname mismatch"
    )
    assert str(error).endswith("; check the host name in the address")


async def test_connection_made_for_one_name_serves_no_other_name(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    names = ("registry.example.com", "mirror.example.com", "other.example.com")
    Resolver(monkeypatch, **{name.replace(".", "_"): [["127.0.0.1"]] for name in names})
    async with (
        serving({"/": Reply()}, tls=serve_tls(certificate)) as server,
        open_client(LOOPBACK, timeout=20, ca_file=str(certificate)) as client,
    ):
        for name in (names[0], names[0], names[1]):
            await get(client, server.url(host=name), timeout_seconds=20)
        assert server.connections == 2
        server.answers["/away"] = Reply(302, headers={"Location": server.url(host=names[2])})
        with pytest.raises(NetworkFailure, match="Hostname mismatch"):
            await get(client, server.url("/away", host=names[0]), timeout_seconds=20)


async def test_unknown_authority_is_refused(certificate: Path) -> None:
    async with serving({"/": Reply()}, tls=serve_tls(certificate)) as server:
        error = await fail(server.url())
        assert not server.seen
    assert isinstance(error, NetworkFailure)
    assert not error.retryable
    assert str(error).startswith(f"the certificate of 127.0.0.1:{server.port} is not accepted: self")
    assert str(error).endswith(
        "add the authority that issued it to the system's certificates, or name it in api.caCertPath"
    )


async def test_certificates_of_the_system_are_trusted(monkeypatch: pytest.MonkeyPatch, certificate: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with serving({"/": Reply(body=b"safe")}, tls=serve_tls(certificate)) as server:
        assert (await fetch(server.url())).body == b"safe"


def test_bundled_certificates_take_the_place_of_an_empty_system(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert create_context().cert_store_stats()["x509_ca"] > 50
    (tmp_path / "0123abcd.0").write_text("read when it is needed")
    assert create_context().cert_store_stats()["x509_ca"] == 0


async def test_server_without_tls_is_told() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    async with listening(accept) as port:
        error = await fail(f"https://127.0.0.1:{port}/")
    assert str(error).startswith(f"no TLS connection to 127.0.0.1:{port}: ")
    assert str(error).endswith("; check that https and the port are right")


async def test_handshake_that_never_ends_is_bounded_and_leaves_nothing_open() -> None:
    """What is left open fails the test: the collector warns of it."""

    async def accept(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    async with listening(accept) as port, open_client(LOOPBACK, timeout=20) as client:
        with pytest.raises(NetworkFailure, match=r"did not complete its answer within 0\.3 seconds"):
            await get(client, f"https://127.0.0.1:{port}/", timeout_seconds=0.3)
        gc.collect()


async def test_redirect_from_https_to_http_is_not_followed(certificate: Path) -> None:
    async with serving({"/": Reply()}) as plain, serving(tls=serve_tls(certificate)) as server:
        server.answers["/"] = Reply(301, headers={"Location": plain.url()})
        server.answers["/in"] = Reply(301, headers={"Location": "//127.0.0.1:1/"})
        error = await fail(server.url(), ca_file=certificate)
        assert "cannot connect to 127.0.0.1:1" in str(await fail(server.url("/in"), ca_file=certificate))
    assert str(error) == (
        f"127.0.0.1:{server.port} redirects from https to http, which is not followed; check the address"
    )
    assert not plain.seen


async def test_file_of_certificates_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.pem"
    garbage.write_text("no certificate")
    reasons: dict[Path | str, str] = {
        tmp_path / "absent.pem": "cannot be read: No such file or directory",
        tmp_path: "api.caCertPath: ",
        garbage: "holds no certificates in PEM form",
        "a\0b": "cannot be read: no valid path",
    }
    for path, reason in reasons.items():
        error = await fail("https://127.0.0.1:1/", ca_file=path)
        assert str(error).startswith("api.caCertPath: ")
        assert reason in str(error)


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
async def test_proxy_is_asked_for_a_name_that_only_it_knows(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    Resolver(monkeypatch)
    async with serving({"/a": Reply(body=b"there")}) as server, proxying({"inner.example.com": server.port}) as proxy:
        monkeypatch.setenv(variable, proxy.url.removeprefix("http://") if variable == "all_proxy" else proxy.url)
        assert (await fetch("http://inner.example.com/a?b=c")).body == b"there"
    assert [seen.target for seen in proxy.seen] == ["http://inner.example.com/a?b=c"]
    assert server.seen[0].headers["host"] == "inner.example.com"


async def test_proxy_tunnels_tls_that_is_checked_for_the_name(
    monkeypatch: pytest.MonkeyPatch, certificate: Path
) -> None:
    Resolver(monkeypatch, registry_example_com=[["8.8.8.8"]])
    async with serving({"/": Reply(body=b"there")}, tls=serve_tls(certificate)) as server:
        names = {"registry.example.com": server.port, "other.example.com": server.port}
        async with proxying(names) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("//", f"//me:{SECRET}@"))
            assert (await fetch("https://registry.example.com/", ca_file=certificate)).body == b"there"
            error = await fail("https://other.example.com/", ca_file=certificate)
    assert "the certificate of other.example.com is not accepted" in str(error)
    assert (proxy.seen[0].method, proxy.seen[0].target) == ("CONNECT", "registry.example.com:443")
    credentials = base64.b64encode(f"me:{SECRET}".encode()).decode()
    assert proxy.seen[0].headers["proxy-authorization"] == f"Basic {credentials}"
    assert "proxy-authorization" not in server.seen[0].headers


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://10.0.0.1/", "10.0.0.1 is not public"),
        ("http://[fd00::1]/", "fd00::1 is not public"),
        ("http://169.254.169.254/", "169.254.169.254 is not public"),
        ("http://db.localhost/", "db.localhost has the address 127.0.0.1, which is not public"),
        ("http://localhost/", "is public"),
        ("http://127.0.0.1/", "127.0.0.1 is not public"),
        ("http://0x7f.1/", "0x7f.1 is no host name"),
        ("http://2130706433/", "2130706433 is no host name"),
        ("http://private.example.com/", "private.example.com has the address 10.0.0.1, which is not public"),
        ("http://away.example.com/", "10.0.0.1 is not public"),
    ],
)
async def test_proxy_is_not_asked_for_what_is_private(monkeypatch: pytest.MonkeyPatch, url: str, message: str) -> None:
    Resolver(monkeypatch, private_example_com=[["10.0.0.1"]], localhost=[["127.0.0.1", "::1"]])
    away = Reply(302, headers={"Location": "http://10.0.0.1/"})
    async with serving({"/": away}) as server, proxying({"away.example.com": server.port}) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert message in str(await fail(url, Outbound()))
    assert len(proxy.seen) == ("away" in url)


async def test_proxy_is_asked_for_what_is_allowed_or_public_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch, corp_example_com=[["10.0.0.1"]], mixed_example_com=[["10.0.0.1", "8.8.8.8"]])
    async with serving({"/": Reply(body=b"there")}) as server, proxying({}) as proxy:
        proxy.routes = {"corp.example.com": server.port, "mixed.example.com": server.port}
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert (await fetch("http://corp.example.com/", Outbound(("10.0.0.0/8",)))).body == b"there"
        assert (await fetch("http://mixed.example.com/", Outbound())).body == b"there"


async def test_resolver_that_hangs_does_not_keep_from_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object, **__: object) -> list[object]:
        await asyncio.sleep(3600)
        return []

    monkeypatch.setattr(transport, "LOOKUP_SECONDS", 0.1)
    async with serving({"/": Reply(body=b"there")}) as server, proxying({"inner.example.com": server.port}) as proxy:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        assert (await fetch("http://inner.example.com/")).body == b"there"


async def test_address_of_this_machine_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with serving({"/": Reply(body=b"here")}) as server:
        assert (await fetch(server.url())).body == b"here"


async def test_failures_of_the_proxy_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    Resolver(monkeypatch)
    async with proxying({}, refusal=Reply(407)) as proxy:
        monkeypatch.setenv("ALL_PROXY", proxy.url.replace("//", f"//me:{SECRET}@"))
        error = await fail("https://registry.example.com/")
        assert isinstance(error, NetworkFailure)
        assert str(error) == (
            f"the proxy 127.0.0.1:{proxy.port} does not lead to registry.example.com: 407 Whatever;"
            " check the proxy and its credentials"
        )
        assert "the proxy wants credentials" in str(await fail("http://registry.example.com/"))
    for scheme in ("http", "https"):
        error = await fail(f"{scheme}://registry.example.com/")
        assert str(error).startswith(f"cannot connect to the proxy 127.0.0.1:{proxy.port}: ")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"HTTP_PROXY": f"socks5://me:{SECRET}@proxy.example.com:1080"}, "HTTP_PROXY names no http or https proxy"),
        ({"ALL_PROXY": "ftp://proxy.example.com"}, "ALL_PROXY names no http or https proxy"),
        ({"http_proxy": f"http://me:{SECRET}@proxy.example.com:x"}, "HTTP_PROXY holds no valid address"),
        ({"http_proxy": "http://"}, "HTTP_PROXY names no http or https proxy"),
    ],
)
async def test_proxy_that_cannot_be_used_is_told(
    monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str], message: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    error = await fail("http://registry.example.com/")
    assert str(error).startswith(message)
    assert str(error).endswith("write http://host:port")


@pytest.mark.parametrize(
    ("exceptions", "host", "proxied"),
    [
        ("", "registry.example.com", True),
        ("*", "registry.example.com", False),
        ("a.example, example.com ", "registry.example.com", False),
        ("example.com", "example.com", False),
        ("example.com", "EXAMPLE.com.", False),
        ("example.com", "badexample.com", True),
        (".example.com", "registry.example.com", False),
        (".example.com", "example.com", True),
        ("*.example.com", "registry.example.com", False),
        ("registry.example.com:8443", "registry.example.com", False),
        ("registry.example.com:443", "registry.example.com", True),
        (":8443", "registry.example.com", True),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.0.0.0/8", "11.1.2.3", True),
        ("10.0.0.0/8", "registry.example.com", True),
        ("192.0.2.1", "192.0.2.1", False),
        ("[2001:db8::1]", "2001:db8::1", False),
        ("2001:db8::/32", "2001:db8::1", False),
        ("2001:db8::1", "registry.example.com", True),
    ],
)
def test_exceptions_from_the_proxy(monkeypatch: pytest.MonkeyPatch, exceptions: str, host: str, proxied: bool) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example.com:3128")
    monkeypatch.setenv("no_proxy", exceptions)
    assert (find_proxy("https", host, 8443) is not None) is proxied
    assert find_proxy("http", host, 80) is None
