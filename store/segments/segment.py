"""Segments, and finding rows: by time within a segment, by pid, by ancestry."""

import json
from collections.abc import Iterable
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import scalar
from execdb.store.schema import constants


class Segment(NamedTuple):
    """A row of `segment`: rows `first_id` to `last_id`, in order of boot_ns, all of one run."""

    first_id: int
    last_id: int
    run_id: int
    offset_ns: int  # time_ns - boot_ns
    first_boot_ns: int
    last_boot_ns: int
    first_entry_id: int
    last_entry_id: int


def segments_of(connection: Connection, boot_id: str | bytes | None = None) -> list[Segment]:
    """All of them, or those of one boot, by id. Segments with ids below 0 hold programs that were
    seen, not recorded. Raises DatabaseError for values of the wrong type."""
    if boot_id is None:
        rows = connection.execute(_SEGMENTS).fetchall()
    else:
        rows = connection.execute(_OF_BOOT, (boot_id,)).fetchall()
    check_rows(connection, "segment", rows)
    return [Segment(*row) for row in rows]


_SEGMENTS = "SELECT * FROM segment ORDER BY first_id"
_OF_BOOT = (
    "SELECT * FROM segment WHERE run_id IN (SELECT id FROM run WHERE boot_id = ?) ORDER BY first_id"
)


def lower_bound(connection: Connection, segment: Segment, boot_ns: int) -> int:
    """The id of the segment's first row that is not before `boot_ns`; last_id + 1 if none is. By
    binary search. Raises DatabaseError."""
    if boot_ns <= segment.first_boot_ns:
        return segment.first_id
    if boot_ns > segment.last_boot_ns:
        return segment.last_id + 1
    time_ns = boot_ns + segment.offset_ns
    low, high = segment.first_id, segment.last_id  # before it; not before it
    while high - low > 1:
        middle = (low + high) // 2
        found = scalar(connection, _TIME_NS, (middle,))
        if not isinstance(found, int | None):
            raise DatabaseError("the database is inconsistent: image.time_ns is not a number")
        # Only in a file that was tampered with, rows are missing from the middle of a segment.
        low, high = (low, middle) if found is None or found >= time_ns else (middle, high)
    return high


_TIME_NS = "SELECT time_ns FROM image WHERE id = ?"
# SQL: the boot_ns of a row of `image`.
BOOT_NS = (
    "(image.time_ns - (SELECT offset_ns FROM segment WHERE first_id <= image.id"
    " ORDER BY first_id DESC LIMIT 1))"
)


def row_of(connection: Connection, boot_id: str, boot_ns: int, pid: int) -> int | None:
    """The row of an image that was recorded, or seen, in a boot; of several that of the latest run.
    An import may claim anything."""
    for row in connection.execute(_AROUND, (boot_id, boot_ns)).fetchall():
        segment = Segment(*row)
        first = lower_bound(connection, segment, boot_ns)
        last = lower_bound(connection, segment, boot_ns + 1) - 1
        found = scalar(connection, _OF_PID, (first, last, pid))
        if found is not None:
            return int(found)
    return None


# CROSS JOIN: SQLite then takes the tables in this order.
_AROUND = (
    "SELECT segment.* FROM segment CROSS JOIN run ON run.id = run_id"
    " WHERE ?2 BETWEEN first_boot_ns AND last_boot_ns AND boot_id = ?1"
    " AND kind = 'collect'"
    " ORDER BY run_id DESC, first_id"
)
_OF_PID = "SELECT id FROM image WHERE id BETWEEN ? AND ? AND pid = ?"


def ids_of_pid(connection: Connection, pid: int) -> list[int]:
    """The rows of a pid, in order."""
    pids = pid >> constants.PID_BITS
    return [row[0] for row in connection.execute(_IDS_OF_PID, (pids, pid))]


def descendants_of(connection: Connection, ancestors: Iterable[int]) -> list[int]:
    """The rows that any of these rows started, directly or not, in order; not itself. A hostile
    file may claim circles: each row is met once."""
    below = (connection.execute(_DESCENDANTS, (each, each)) for each in {*ancestors})
    return sorted({row[0] for rows in below for row in rows})


_DESCENDANTS = """
WITH RECURSIVE below(id) AS (
    SELECT ? UNION SELECT image.id FROM below CROSS JOIN image ON image.parent_id = below.id)
SELECT id FROM below WHERE id <> ?
"""


_LISTED_MAX = 100_000  # rows; a list of more takes more than it saves


def children_of(connection: Connection, parents: Iterable[int]) -> list[int] | None:
    """The rows that these rows started themselves, in order; None if they are too many to list."""
    rows = connection.execute(_CHILDREN, (json.dumps(list(parents)), _LISTED_MAX + 1)).fetchall()
    return None if len(rows) > _LISTED_MAX else sorted({row[0] for row in rows})


def running_of(connection: Connection) -> list[int] | None:
    """The rows without an end, in order; None if they are too many to list."""
    rows = connection.execute(_RUNNING, (_LISTED_MAX + 1,)).fetchall()
    return None if len(rows) > _LISTED_MAX else [row[0] for row in rows]


# In the order of the index, which is that of the ids. Attempts that failed never ran.
_RUNNING = """
SELECT id FROM image INDEXED BY image_running WHERE status IS NULL AND errno IS NULL
ORDER BY id LIMIT ?
"""
_CHILDREN = """
SELECT image.id FROM json_each(?) AS parent CROSS JOIN image ON image.parent_id = parent.value
LIMIT ?
"""
# CROSS JOIN: SQLite then takes the tables in this order.
_IDS_OF_PID = (
    "SELECT image.id FROM pid_block CROSS JOIN image"
    f" ON image.id BETWEEN block << {constants.BLOCK_BITS}"
    f" AND (block << {constants.BLOCK_BITS}) + {(1 << constants.BLOCK_BITS) - 1}"
    " AND image.pid = ?2 WHERE pids = ?1 ORDER BY block, image.id"
)
