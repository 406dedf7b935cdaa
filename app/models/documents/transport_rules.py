"""What publishing demands of transports and arguments: URLs that clients can fill in and reach, names that are names.

The same URL may mean different things: a package's is opened on the user's machine, a remote's from anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any, Final
from urllib.parse import SplitResult

from app.models.documents.issues import Issue, error
from app.models.documents.urls import fill_variables, is_own_machine, list_variables, split_url
from app.models.documents.values import Place, find_repeats, find_text, join_texts, list_objects, take_texts

ARGUMENTS: Final = ("runtimeArguments", "packageArguments")
"""The two lists of arguments that a package may have."""

_NO_NAME: Final = re.compile(r"[<> $]")

_Json = Mapping[str, Any]


def check_package_transport(package: _Json, index: int) -> Iterator[Issue]:
    transport = package.get("transport")
    if not isinstance(transport, dict) or transport.get("url") in (None, ""):
        return
    place: Place = ("packages", index, "transport", "url")
    if transport.get("type") == "stdio":
        yield error(place, "must be left out: the transport is stdio", "transport-url-forbidden")
    elif isinstance(transport["url"], str):
        yield from _check_form(transport["url"], place)
        remedy = "give an environment variable or an argument of the package this name, or this valueHint"
        yield from _check_variables(transport["url"], _package_variables(package), place, remedy)


def check_remotes(document: _Json) -> Iterator[Issue]:
    for index, remote in list_objects(document, "remotes"):
        if isinstance(remote.get("url"), str):
            yield from _check_remote(remote, ("remotes", index, "url"))
    keys = ((index, _remote_key(remote)) for index, remote in list_objects(document, "remotes"))
    for index, first in find_repeats(keys):
        message = f"is the same as remotes[{first}]: type and url are equal; leave one out"
        yield error(("remotes", index), message, "duplicate-remote")


def _remote_key(remote: _Json) -> tuple[str, ...] | None:
    return take_texts(remote, "type", "url") if "url" in remote else None


def _check_remote(remote: _Json, place: Place) -> Iterator[Issue]:
    url, variables = remote["url"], remote.get("variables", {})
    yield from _check_form(url, place)
    parts = _split(url)
    if parts is not None and parts.scheme != "https":
        yield error(place, "must start with https://", "remote-url-https")
    if parts is not None and is_own_machine(parts.hostname or ""):
        yield error(place, "must not lead to the user's own machine, such as localhost", "remote-url-localhost")
    if isinstance(variables, dict):
        yield from _check_variables(url, variables.keys(), place, "describe it under variables")


def _check_form(url: str, place: Place) -> Iterator[Issue]:
    if _split(url) is None:
        message = "must be an absolute http or https URL with a host, once its {variables} are filled in"
        yield error(place, message, "transport-url")


def _split(url: str) -> SplitResult | None:
    filled = fill_variables(url)
    return None if filled is None else split_url(filled)


def _check_variables(url: str, known: Container[str], place: Place, remedy: str) -> Iterator[Issue]:
    unknown = [f"{{{name}}}" for name in list_variables(url) if name not in known]
    if unknown:
        yield error(place, f"uses {join_texts(unknown)}, which nothing describes; {remedy}", "transport-url-variable")


def _package_variables(package: _Json) -> set[str]:
    names = {find_text(variable, "name") for _, variable in list_objects(package, "environmentVariables")}
    for key in ARGUMENTS:
        for _, argument in list_objects(package, key):
            names |= {find_text(argument, "name"), find_text(argument, "valueHint")}
    return names


def check_arguments(package: _Json, index: int) -> Iterator[Issue]:
    for key in ARGUMENTS:
        for position, argument in list_objects(package, key):
            if argument.get("type") == "named" and isinstance(argument.get("name"), str):
                yield from _check_named(argument, ("packages", index, key, position))


def _check_named(argument: _Json, place: Place) -> Iterator[Issue]:
    name = argument["name"]
    if not name or _NO_NAME.search(name):
        message = "must be the bare name of a flag, such as --port: not empty, and without spaces, <, > and $"
        yield error((*place, "name"), message, "argument-name")
    for key in ("value", "default"):
        if name and find_text(argument, key).startswith(name):
            message = "must not start with the argument's name; write the value alone"
            yield error((*place, key), message, "argument-repeats-name")
