"""What a bound on size removed, and of which user: long arguments, and rows of a user who filled
the file.

This is stored so that answers can mention it. Rows that were removed because they were the oldest
are not part of it.
"""

from collections.abc import Iterable
from enum import StrEnum
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar

_PAUSE_NS = 60_000_000_000  # events with shorter pauses between them are one entry


class What(StrEnum):
    """What was trimmed of an event."""

    ARGUMENTS = "arguments"  # were cut
    ROWS = "rows"  # were removed


class Trim(NamedTuple):
    """How many events of a user were trimmed, and the times of the first and the last of them."""

    what: str
    uid: int
    events: int
    from_ns: int
    to_ns: int


def add_trims(connection: Connection, trims: Iterable[Trim]) -> None:
    """Stores them. One that continues an entry of the same kind and user extends that entry."""
    for trim in trims:
        entry = scalar(
            connection, _LAST, (trim.what, trim.uid, trim.from_ns - _PAUSE_NS, trim.to_ns)
        )
        if entry is None:
            connection.execute(_INSERT, trim)
        else:
            connection.execute(_EXTEND, (trim.events, trim.from_ns, trim.to_ns, entry))


def read_trims(database: Database) -> list[Trim]:
    """In the order in which they were stored. Raises DatabaseError for values of a wrong type."""
    with database.reading() as connection:
        rows = connection.execute("SELECT * FROM trimmed ORDER BY id").fetchall()
        check_rows(connection, "trimmed", rows)
    return [Trim(*row[1:]) for row in rows]


# The newest entries are enough to find the one to extend.
_LAST = (
    "SELECT id FROM (SELECT * FROM trimmed ORDER BY id DESC LIMIT 64)"
    " WHERE what = ? AND uid = ? AND to_ns >= ? AND from_ns <= ? ORDER BY id DESC LIMIT 1"
)
_INSERT = "INSERT INTO trimmed (what, uid, events, from_ns, to_ns) VALUES (?, ?, ?, ?, ?)"
_EXTEND = (
    "UPDATE trimmed SET events = events + ?, from_ns = min(from_ns, ?), to_ns = max(to_ns, ?)"
    " WHERE id = ?"
)
