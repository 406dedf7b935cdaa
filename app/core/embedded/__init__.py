"""The PostgreSQL this server brings along and runs itself when the configuration names no database.

Owns the child process from the first `initdb` to the last signal. Knows no table and runs no migration.

    server      start, watch, restart, stop
    visit       reading beside the owner, or as the owner for a while where there is none
    address     the socket in the data directory
    layout      the data directory and the files beside it
    account     which operating system user the child runs as
    binaries    where PostgreSQL's programs are, and a copy of them where that user cannot reach them
    child       one child process that cannot outlive this one
    residents   PostgreSQL processes that live in a data directory, whoever started them

Two facts carry the design. A child that starts *in* its data directory calls it `/proc/self/cwd`, so no directory above
it needs to be open to the child's user and its length and spelling do not matter. And a lock held for life tells a
second owner (refused) from an orphan of a dead one (stopped).
"""

from app.core.embedded.server import EmbeddedPostgres
from app.core.embedded.visit import visit

__all__ = ["EmbeddedPostgres", "visit"]
