"""Which operating system user PostgreSQL runs as.

PostgreSQL refuses to run as root, so root hands it to an existing unprivileged user. Creates no user.
"""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.errors import Unavailable

# A user of PostgreSQL's own keeps strangers out of the data; `nobody` may be shared with other programs.
_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int

    def popen_args(self) -> dict[str, Any]:
        """The keyword arguments that make `subprocess` drop to this user, and to none of our groups."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def choose_account(directory: Path) -> Account | None:
    """The user the child of this process runs as; None means as ourselves.

    As root: the owner of the existing `directory`, else `postgres`, else `nobody`. Raises `Unavailable` where there is
    no such user, or where `directory` belongs to somebody else and we are not root.
    """
    owner = directory.stat().st_uid if directory.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise Unavailable(
                f"The database directory {str(directory)!r} belongs to user {owner} but this server runs as user "
                f"{os.geteuid()}. Run it as the same user, or change the directory's owner."
            )
        return None
    if owner and (account := _owner_account(owner, directory)):
        return account
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise Unavailable(
        "PostgreSQL does not run as root, and this system has neither a user 'postgres' nor 'nobody' to run it as. "
        "Run this server as a non-root user, or configure a database: block."
    )


def _owner_account(uid: int, directory: Path) -> Account | None:
    try:
        return Account(uid, pwd.getpwuid(uid).pw_gid)
    except KeyError:
        # initdb insists on a user with a name; a cluster that exists runs under a bare number too.
        return Account(uid, uid) if (directory / "PG_VERSION").exists() else None
