"""The explorer as any client sees it: the page, its files, and what the policy of the page allows."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
from structlog.testing import capture_logs

from app.graphql.explorer import assets, examples, fallback
from app.graphql.options import Options
from app.graphql.schema import build_schema
from app.main import create_app
from app.resolvers.context import Ctx

ROOT = Path(__file__).parents[2]
HTML = {"Accept": "text/html"}
SCRIPT = b"export const one = 1;\n" * 50


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as `make explorer` leaves it, but for what is in the files."""
    folder = tmp_path / "dist"
    folder.mkdir()
    for name, content in {"main-AAAA.js": SCRIPT, "main-BBBB.css": b"html { margin: 0 }"}.items():
        (folder / name).write_bytes(content)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    (folder / "manifest.json").write_text(json.dumps({"script": "main-AAAA.js", "style": "main-BBBB.css"}))
    (folder / "licences.txt").write_text("all of them")
    monkeypatch.setattr(assets, "DIST", folder)
    return folder


@pytest.fixture
def unbuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(assets, "DIST", tmp_path / "missing")
    fallback.render_fallback.cache_clear()
    yield
    fallback.render_fallback.cache_clear()


def policy(answer: httpx.Response) -> dict[str, list[str]]:
    directives = answer.headers["content-security-policy"].split("; ")
    return {name: values for name, *values in (directive.split() for directive in directives)}


def links(page: httpx.Response) -> list[str]:
    """The addresses of the files that a browser would fetch for the page, whole."""
    found = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    return [urljoin(str(page.url), link) for link in found if not link.startswith("data:")]


def application(ctx: Ctx, prefix: str = "", options: Options | None = None) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(ctx, asyncio.Event(), prefix, build_schema(options)))
    return httpx.AsyncClient(transport=transport, base_url="http://registry.example")


@pytest.mark.usefixtures("bundle")
async def test_page_runs_its_own_files_and_nothing_else(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers=HTML)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    (nonce,) = re.findall(r'nonce="([^"]+)"', page.text)
    assert policy(page) == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", f"'nonce-{nonce}'"],
        "connect-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    assert len(links(page)) == 2
    assert "style=" not in page.text


@pytest.mark.usefixtures("bundle")
async def test_nonce_serves_once(client: httpx.AsyncClient) -> None:
    policies = {(await client.get("/graphql", headers=HTML)).headers["content-security-policy"] for _ in range(3)}

    assert len(policies) == 3


@pytest.mark.usefixtures("bundle")
async def test_page_holds_the_operations_of_the_release(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers=HTML)

    (data,) = re.findall(r'<script type="application/json" id="examples">(.*?)</script>', page.text, re.DOTALL)
    shown = {item["name"]: item["text"] for item in json.loads(data)}
    folder = ROOT / "frontend-schema" / "operations"
    assert shown == {path.stem: path.read_text() for path in folder.glob("*.graphql")}
    assert next(iter(shown)) == "catalogue"


@pytest.mark.usefixtures("bundle")
async def test_text_of_an_operation_cannot_end_its_element(
    client: httpx.AsyncClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.graphql").write_text("# </script><script>alert(1)</script>\n{ __typename }")
    monkeypatch.setattr(examples, "_CHECKOUT", tmp_path)

    page = await client.get("/graphql", headers=HTML)

    assert page.text.count("</script>") == 2
    assert "alert(1)" in page.text


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("address", ["/graphql", "/graphql/", "/api/mcp/graphql", "/api/mcp/graphql/", "/graphql?x=1/"])
async def test_files_are_found_under_every_address_of_the_page(ctx: Ctx, address: str) -> None:
    async with application(ctx, "/api/mcp") as client:
        page = await client.get(address, headers=HTML)
        answers = [await client.get(link) for link in links(page)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert {urlsplit(str(answer.url)).path.split("/graphql/")[0] for answer in answers} == {
        address.partition("/graphql")[0]
    }


@pytest.mark.usefixtures("bundle")
@pytest.mark.parametrize("coding", ["gzip, deflate, br", "identity"])
async def test_file_may_be_kept_for_ever(client: httpx.AsyncClient, coding: str) -> None:
    answer = await client.get("/graphql/explorer/assets/main-AAAA.js", headers={"Accept-Encoding": coding})

    assert answer.content == SCRIPT
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers.get("content-encoding") == ("gzip" if "gzip" in coding else None)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "name",
    [
        "main-CCCC.js",
        "manifest.json",
        "licences.txt",
        "main-AAAA.js.gz",
        "..%2fsecret.js",
        "..%2f..%2fsecret.js",
        "%2e%2e/secret.js",
        "..%5csecret.js",
        "main-AAAA.js%00.css",
        "%ff.js",
        "",
        ".",
    ],
)
async def test_no_other_file_is_served(client: httpx.AsyncClient, bundle: Path, name: str) -> None:
    (bundle.parent / "secret.js").write_text("secret")

    answer = await client.get(f"/graphql/explorer/assets/{name}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.usefixtures("bundle")
async def test_switched_off_neither_page_nor_files_are_served(ctx: Ctx) -> None:
    async with application(ctx, options=Options(explorer=False)) as client:
        page = await client.get("/graphql", headers=HTML)
        file = await client.get("/graphql/explorer/assets/main-AAAA.js")

    assert page.status_code in (400, 404)
    assert "html" not in page.headers["content-type"]
    assert file.status_code == 404


@pytest.mark.usefixtures("unbuilt")
async def test_unbuilt_page_says_how_to_build_it(client: httpx.AsyncClient) -> None:
    with capture_logs() as logged:
        pages = [await client.get("/graphql", headers=HTML) for _ in range(2)]
    files = await client.get("/graphql/explorer/assets/main-AAAA.js")

    assert all("make explorer" in page.text for page in pages)
    assert [entry["event"] for entry in logged if entry["log_level"] == "warning"] == ["explorer_not_built"]
    assert files.status_code == 404


@pytest.mark.usefixtures("unbuilt")
async def test_unbuilt_page_may_load_from_the_hosts_it_names_only(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers=HTML)

    allowed = policy(page)
    origins = {f"https://{urlsplit(link).netloc}" for link in links(page)}
    hashes = {
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    }
    assert origins
    assert hashes
    assert set(allowed["script-src"]) == origins | hashes
    assert set(allowed["style-src"]) == {*origins, "'unsafe-inline'"}
    assert allowed["default-src"] == ["'none'"]
    assert allowed["connect-src"] == ["'self'"]
    assert allowed["frame-ancestors"] == ["'none'"]
