"""What stands in where the explorer is not built: Strawberry's page, which loads its parts from the Internet, with a
policy that allows just the hosts named in it and a line that tells how to get the real one.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache

import structlog
from strawberry.http.ides import get_graphql_ide_html

log = structlog.get_logger(__name__)

_ORIGIN = re.compile(r'(?:src|href)="(https://[^/"]+)')
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
_HINT = (
    '<p style="position:fixed;bottom:0;right:0;z-index:9;margin:0;padding:4px 8px;background:#fd6;color:#000;'
    'font:13px sans-serif">This page loads its parts from the Internet. <code>make explorer</code> builds one that '
    "needs nothing but this server.</p>"
)


@lru_cache(maxsize=1)
def render_fallback() -> tuple[str, str]:
    """The page and its content security policy. Logs once that it had to stand in."""
    log.warning("explorer_not_built", fix="run `make explorer`; until then the page at /graphql needs the Internet")
    html = get_graphql_ide_html("graphiql")
    origins = " ".join(sorted(set(_ORIGIN.findall(html))))
    scripts = " ".join(_hash(script) for script in _INLINE_SCRIPT.findall(html))
    policy = (
        f"default-src 'none'; script-src {origins} {scripts}; style-src {origins} 'unsafe-inline'; "
        "connect-src 'self'; img-src 'self' data:; font-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    return html.replace("</body>", f"{_HINT}</body>"), policy


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
