"""The runs of a file that are to be shipped, and their ledgers."""

import hashlib
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import dicts
from execdb.store.file.text import readable


class LocalRun(NamedTuple):
    """A row of `run`, of a collector."""

    id: int
    global_id: int
    host: str
    boot_id: str
    kernel: str | None
    version: str | None
    started_ns: int | None
    ended_ns: int | None
    ended: str | None
    alive_ns: int | None
    seen: int
    stored: int
    filtered: int
    lost: int
    pruned: int

    def central_id(self, fork: int) -> int:
        """Its number in the central store. If another machine goes on with a copy of the file, or
        this one with an older copy, the run continues there under the number of a fork."""
        if not fork:
            return self.global_id & _INT64_MAX
        digest = hashlib.sha256(f"{self.global_id}:{fork}".encode()).digest()
        return int.from_bytes(digest[:8], "big") & _INT64_MAX


_INT64_MAX = (1 << 63) - 1


def ids_of_runs(connection: Connection) -> list[int]:
    """Of the runs of collectors, in order. What was imported is for its own machine to ship."""
    return [row[0] for row in connection.execute(_IDS)]


_IDS = "SELECT id FROM run WHERE kind = 'collect' AND global_id IS NOT NULL ORDER BY id"


def read_run(connection: Connection, run_id: int) -> LocalRun:
    """Raises DatabaseError."""
    cursor = connection.execute("SELECT * FROM run WHERE id = ?", (run_id,))
    rows = cursor.fetchall()
    check_rows(connection, "run", rows)
    if not rows:
        raise DatabaseError(f"run {run_id} is not in the database any more")
    found = dicts(cursor, rows)[0]
    return LocalRun(*(_text(found[name]) for name in LocalRun._fields))


def _text(value: Any) -> Any:
    return readable(value) if isinstance(value, bytes) else value
