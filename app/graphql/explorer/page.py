"""The explorer's page, and the policy that lets it run its own files and nothing else."""

from __future__ import annotations

import asyncio
import secrets
from html import escape
from string import Template

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from app.graphql.explorer.assets import PATH, Bundle, find_bundle
from app.graphql.explorer.examples import read_examples
from app.graphql.explorer.fallback import render_fallback

HEADERS = {
    "Cache-Control": "no-store",  # the nonce in it serves once
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_PAGE = Template("""\
<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <meta property="csp-nonce" nonce="$nonce">
    <title>GraphQL explorer</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="$style">
  </head>
  <body>
    <div id="explorer"></div>
    <noscript>The explorer needs JavaScript. Any client can send operations here by POST.</noscript>
    <script type="application/json" id="examples">$examples</script>
    <script type="module" src="$script"></script>
  </body>
</html>
""")


async def render(request: Request) -> Response:
    """The page. It sends operations to the address it was read from, and finds its files below that."""
    bundle = await asyncio.to_thread(find_bundle)
    if bundle is None:
        html, policy = await asyncio.to_thread(render_fallback)
    else:
        nonce = secrets.token_urlsafe(16)
        html = await asyncio.to_thread(_fill, bundle, _base(request), nonce)
        policy = _POLICY.format(nonce=nonce)
    return HTMLResponse(html, headers={**HEADERS, "Content-Security-Policy": policy})


def _fill(bundle: Bundle, base: str, nonce: str) -> str:
    return _PAGE.substitute(
        nonce=nonce,
        style=escape(f"{base}{PATH}/{bundle.style}"),
        script=escape(f"{base}{PATH}/{bundle.script}"),
        # Within a script element only a tag could end the text early.
        examples=orjson.dumps(read_examples()).decode().replace("<", "\\u003c"),
    )


def _base(request: Request) -> str:
    """How the page refers to what stands below its own address: relative, so that it works behind any prefix that this
    server or a proxy before it takes away. A browser drops what follows the last slash before it appends.
    """
    sent = request.scope.get("raw_path") or request.scope["path"].encode()
    return "" if sent.split(b"?")[0].endswith(b"/") else "graphql/"
