"""Fetching over HTTP for the adapters: guarded, bounded in time and size, and silent about secrets.

`exchange` owns redirects, headers and the time limit, `answers` what comes back, `transport` where a request may go and
its errors, `connections` that it goes to the very address that was judged, `proxies` those of the environment.
"""

from app.sources.http.answers import Answer, HttpFailure, parse_http_date
from app.sources.http.exchange import MAX_REDIRECTS, REDIRECTS, get, open_client, read_redirect
from app.sources.outbound import NetworkFailure

__all__ = [
    "MAX_REDIRECTS",
    "REDIRECTS",
    "Answer",
    "HttpFailure",
    "NetworkFailure",
    "get",
    "open_client",
    "parse_http_date",
    "read_redirect",
]
