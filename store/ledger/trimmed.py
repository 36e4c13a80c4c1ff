"""What a bound on size took of whose events: long arguments, and rows of whoever filled the file.

Stored so that answers can say it. Rows that went because they were the oldest are not in here.
"""

from collections.abc import Iterable
from enum import StrEnum
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar

_PAUSE_NS = 60_000_000_000  # what follows within that is one entry


class What(StrEnum):
    ARGUMENTS = "arguments"  # cut
    ROWS = "rows"  # removed


class Trim(NamedTuple):
    """So many events of a user, from the first of them to the last by wall clock."""

    what: str
    uid: int
    events: int
    from_ns: int
    to_ns: int


def note(connection: Connection, trims: Iterable[Trim]) -> None:
    """Adds to the last entry of the same kind and user where they touch."""
    for trim in trims:
        entry = scalar(
            connection, _LAST, (trim.what, trim.uid, trim.from_ns - _PAUSE_NS, trim.to_ns)
        )
        if entry is None:
            connection.execute(_INSERT, trim)
        else:
            connection.execute(_EXTEND, (trim.events, trim.from_ns, trim.to_ns, entry))


def read_trims(database: Database) -> list[Trim]:
    """Oldest first. Raises DatabaseError for what is none."""
    with database.reading() as connection:
        rows = connection.execute("SELECT * FROM trimmed ORDER BY id").fetchall()
        check_rows(connection, "trimmed", rows)
    return [Trim(*row[1:]) for row in rows]


# A few are enough to find the one that goes on.
_LAST = (
    "SELECT id FROM (SELECT * FROM trimmed ORDER BY id DESC LIMIT 64)"
    " WHERE what = ? AND uid = ? AND to_ns >= ? AND from_ns <= ? ORDER BY id DESC LIMIT 1"
)
_INSERT = "INSERT INTO trimmed (what, uid, events, from_ns, to_ns) VALUES (?, ?, ?, ?, ?)"
_EXTEND = (
    "UPDATE trimmed SET events = events + ?, from_ns = min(from_ns, ?), to_ns = max(to_ns, ?)"
    " WHERE id = ?"
)
