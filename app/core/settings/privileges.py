"""What only the operator may name, in the configuration file, and no client of the API.

With the address of a source in the same hand, a client could have the server send it any file as a password or a token,
or serve it a repository of the disk, or open one by ssh with the server's own keys. What a client may name is stored
and shown to others: no credentials either.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from app.core.settings.draft import Loc, Place, format_loc
from app.core.settings.repositories import read_repository
from app.core.settings.source_tree import ApiSettings, GitSettings, SourceSettings
from app.core.settings.syntax import holds_login, split_url


def refuse_privileges(place: Place, source: SourceSettings) -> None:
    """Refuse them in each block that is right otherwise: what already has a problem would be told of twice."""
    spoilt = {loc[0] for loc in place.draft.spoilt if loc}
    for loc, message in _list_privileges(source):
        if loc[0] not in spoilt:
            place.object(loc, message)


def _list_privileges(source: SourceSettings) -> Iterator[tuple[Loc, str]]:
    if source.git is not None:
        yield from _judge_git(source.git)
    if source.api is not None:
        yield from _judge_api(source.api)
    if source.file is not None and _is_login(source.file.url):
        yield ("file", "url"), "file.url must not hold a user or a password"


def _judge_git(git: GitSettings) -> Iterator[tuple[Loc, str]]:
    where = ("git", "repository")
    with suppress(ValueError):  # reported by the rules of git, as is an empty one
        repository = read_repository(git.repository)
        if git.repository and not repository.host:
            yield where, "git.repository must be the address of another host, such as https://host/path"
        elif repository.scheme == "ssh":
            yield where, "git.repository: ssh repositories can only be named in the configuration file"
        elif repository.has_login:
            yield where, "git.repository must not hold a user"
    if git.auth is not None:
        yield _reserve("git", "auth")


def _judge_api(api: ApiSettings) -> Iterator[tuple[Loc, str]]:
    if _is_login(api.endpoint):
        yield ("api", "endpoint"), "api.endpoint must not hold a user or a password"
    given = {"authTokenFile": api.auth_token_file, "caCertPath": api.ca_cert_path, "headers": api.headers}
    for key, value in given.items():
        if value:
            yield _reserve("api", key)


def _reserve(*loc: str) -> tuple[Loc, str]:
    return loc, f"{format_loc(loc)} can only be given in the configuration file"


def _is_login(url: str) -> bool:
    try:
        return bool(url) and holds_login(split_url(url))
    except ValueError:
        return False  # reported by the rules of the block
