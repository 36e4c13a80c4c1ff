"""The runs of a file that are to be shipped, and their numbers in a central store."""

import hashlib
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.segments.run import RunRow, run_rows

_INT64_MAX = (1 << 63) - 1


def ids_of_runs(connection: Connection) -> list[int]:
    """Of the runs of collectors, in order. What was imported is for its own machine to ship."""
    return [row[0] for row in connection.execute(_IDS)]


def read_run(connection: Connection, run_id: int) -> RunRow:
    """Raises DatabaseError."""
    found = run_rows(connection, connection.execute(_RUN, (run_id,)).fetchall())
    if not found:
        raise DatabaseError(f"run {run_id} is not in the database any more")
    return found[0]


def central_id(run: RunRow, fork: int) -> int:
    """The number of a collector's run in the central store. If another machine continues with a
    copy of the file, or this one with an older copy, the run continues there under the number of a
    fork."""
    assert run.global_id is not None
    if not fork:
        return run.global_id & _INT64_MAX
    digest = hashlib.sha256(f"{run.global_id}:{fork}".encode()).digest()
    return int.from_bytes(digest[:8], "big") & _INT64_MAX


_IDS = "SELECT id FROM run WHERE kind = 'collect' AND global_id IS NOT NULL ORDER BY id"
_RUN = "SELECT * FROM run WHERE id = ?"
