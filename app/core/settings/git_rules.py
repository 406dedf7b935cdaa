"""What must hold of the block `git` of a source. Whether its host may be fetched from is asked in outbound_rules."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from app.core.settings.access import check_absolute, check_readable
from app.core.settings.draft import Loc, Place
from app.core.settings.repositories import read_repository
from app.core.settings.source_tree import GitAuthSettings, GitSettings

_HASH = re.compile(r"[0-9a-fA-F]{4,64}")
_PASSWORD_FILE: Loc = ("git", "auth", "passwordFile")


def check_git(place: Place, git: GitSettings) -> None:
    """Check what holds wherever the source is described. Opens no file."""
    _check_address(place, git.repository)
    _check_choice(place, git)
    path = PurePosixPath(git.path)
    if not git.path or path.is_absolute() or ".." in path.parts:
        message = f"git.path must be a path inside the repository, got '{git.path}'"
        place.object(("git", "path"), message, "write it from the root of the repository, without a leading slash")
    if git.auth is not None:
        _check_auth(place, git.auth)


def check_git_files(place: Place, git: GitSettings) -> None:
    """Refuse a password file that cannot be read."""
    if git.auth is not None and git.auth.username:
        check_readable(place, _PASSWORD_FILE, git.auth.password_file)


def _check_address(place: Place, repository: str) -> None:
    where = ("git", "repository")
    if not repository:
        place.object(where, "git.repository is required", "add the address of the repository")
        return
    try:
        read_repository(repository)
    except ValueError as fault:
        fix = "write it as https://host/path; credentials belong in git.auth"
        place.object(where, f"git.repository {fault}", fix)


def _check_choice(place: Place, git: GitSettings) -> None:
    chosen = [key for key in ("branch", "tag", "commit") if getattr(git, key)]
    if len(chosen) > 1:
        message = "only one of branch, tag, or commit may be specified"
        place.object(("git", chosen[1]), message, f"keep one of {', '.join(chosen)}")
    elif git.commit and not _HASH.fullmatch(git.commit):
        message = f"git.commit must be a commit hash of 4 to 64 hex digits, got '{git.commit}'"
        place.object(("git", "commit"), message, "write the hash; a name belongs in git.branch or git.tag")


def _check_auth(place: Place, auth: GitAuthSettings) -> None:
    if not auth.username or not auth.password_file:
        missing = "username" if auth.password_file else "passwordFile"
        message = "git.auth.username and git.auth.passwordFile must both be specified"
        place.object(("git", "auth", missing), message, "add the missing one, or remove git.auth")
    else:
        check_absolute(place, _PASSWORD_FILE, auth.password_file)
