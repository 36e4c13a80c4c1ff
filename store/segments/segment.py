"""Finding rows: by time within segments, by halving; by pid or parent through blocks."""

import json
from collections.abc import Iterable
from functools import lru_cache, partial
from heapq import heappop, heappush
from sqlite3 import Connection
from typing import NamedTuple

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
    known_entry_ids: str | None


def segments_of(connection: Connection, boot_id: str | bytes | None = None) -> list[Segment]:
    """All of them, or those of one boot; the segments of rows that were seen, not recorded,
    are those below 0. Raises DatabaseError for what is none."""
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
    """The first id of the segment whose row is not before `boot_ns`; last_id + 1 if none."""
    if boot_ns <= segment.first_boot_ns:
        return segment.first_id
    if boot_ns > segment.last_boot_ns:
        return segment.last_id + 1
    low, high = segment.first_id, segment.last_id  # before it; not before it
    while high - low > 1:
        middle = (low + high) // 2
        found = scalar(connection, _BOOT_NS, (middle,))
        # Where rows are missing from the middle of a segment, the file has been tampered with.
        low, high = (low, middle) if found is None or found >= boot_ns else (middle, high)
    return high


_BOOT_NS = "SELECT boot_ns FROM image WHERE id = ?"


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


def ancestors_of(connection: Connection, numbers: Iterable[int]) -> set[int]:
    """These ids themselves and those of what started them, directly or not, as far as there are
    such rows. A hostile file may claim circles: each row is met once."""
    wanted = json.dumps(list(numbers))
    return {row[0] for row in connection.execute(_ANCESTORS, (wanted,))}


_ANCESTORS = """
WITH RECURSIVE above(id, parent_id) AS (
    SELECT id, parent_id FROM image WHERE id IN (SELECT value FROM json_each(?))
    UNION SELECT image.id, image.parent_id FROM above JOIN image ON image.id = above.parent_id)
SELECT id FROM above
"""


def descendants_of(connection: Connection, ancestor: int) -> list[int]:
    """The rows that a row started, directly or not, in order; not itself."""
    blocks_of = lru_cache(maxsize=65_536)(partial(_blocks_of, connection))
    children_in = lru_cache(maxsize=256)(partial(_children_in, connection))
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        number = heappop(waiting)  # in order, so that blocks are read about once
        blocks = blocks_of(number >> constants.PARENT_BITS)
        if len(blocks) > _MANY:
            children = _all_children(connection, number)
        else:
            children = [id_ for block in blocks for id_ in children_in(block).get(number, ())]
        for child in children:
            if child not in found and child != ancestor:  # a file may claim anything
                found.add(child)
                heappush(waiting, child)
    return sorted(found)


_MANY = 64  # blocks; a row with children in more lives long and is one of few


def _blocks_of(connection: Connection, parents: int) -> list[int]:
    rows = connection.execute(_BLOCKS, (parents,)).fetchall()
    check_rows(connection, "child_block", rows)
    return [row[1] for row in rows]


def _children_in(connection: Connection, block: int) -> dict[int, list[int]]:
    """The rows of a block by their parent."""
    first = block << constants.BLOCK_BITS
    children: dict[int, list[int]] = {}
    last = first + (1 << constants.BLOCK_BITS) - 1
    for number, parent in connection.execute(_PARENTS, (first, last)):
        children.setdefault(parent, []).append(number)
    return children


def _all_children(connection: Connection, number: int) -> list[int]:
    parents = number >> constants.PARENT_BITS
    return [row[0] for row in connection.execute(_CHILDREN, (parents, number))]


# CROSS JOIN: SQLite then takes the tables in this order.
_IN_BLOCK = (
    f"image.id BETWEEN block << {constants.BLOCK_BITS}"
    f" AND (block << {constants.BLOCK_BITS}) + {(1 << constants.BLOCK_BITS) - 1}"
)
_IDS_OF_PID = (
    f"SELECT image.id FROM pid_block CROSS JOIN image ON {_IN_BLOCK} AND image.pid = ?2"
    " WHERE pids = ?1 ORDER BY block, image.id"
)
_BLOCKS = "SELECT * FROM child_block WHERE parents = ?"
_PARENTS = "SELECT id, parent_id FROM image WHERE id BETWEEN ? AND ? AND parent_id IS NOT NULL"
_CHILDREN = (
    f"SELECT image.id FROM child_block CROSS JOIN image ON {_IN_BLOCK} AND image.parent_id = ?2"
    " WHERE parents = ?1"
)
