"""The rule of server names: `namespace/name`, both halves starting and ending with a letter or digit."""

from __future__ import annotations

import re

_NAMESPACE = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?", re.ASCII)
_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?", re.ASCII)
MAX_NAME_BYTES = 200


def check_server_name(name: str) -> str | None:
    """Why `name` is no server name; None if it is one. The wording is that of the reference server."""
    namespace, slash, rest = name.partition("/")
    if not name:
        return "server name cannot be empty"
    if not slash:
        return "server name must be in format 'dns-namespace/name' (e.g., 'com.example.api/server')"
    if "/" in rest:
        return "server name must contain exactly one '/' separator"
    if not namespace:
        return "namespace part cannot be empty"
    if not rest:
        return "name part cannot be empty"
    if len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
        return f"server name exceeds maximum length of {MAX_NAME_BYTES} characters"
    return _check_halves(namespace, rest)


def _check_halves(namespace: str, name: str) -> str | None:
    if not _NAMESPACE.fullmatch(namespace):
        return (
            f"namespace '{namespace}' is invalid. Namespace must start and end with alphanumeric characters,"
            " and may contain dots and hyphens in the middle"
        )
    if not _NAME.fullmatch(name):
        return (
            f"name '{name}' is invalid. Name must start and end with alphanumeric characters,"
            " and may contain dots, underscores, and hyphens in the middle"
        )
    return None
