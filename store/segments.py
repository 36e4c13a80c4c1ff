"""Finding rows: by time within segments, by halving; by pid or parent through blocks."""

from functools import lru_cache, partial
from heapq import heappop, heappush
from typing import NamedTuple

from sqlalchemy import Connection, select

from execdb.store import schema
from execdb.store.typed import check_rows

_image, _segment = schema.image, schema.segment
_run = schema.run


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
    query = select(_segment).order_by(_segment.c.first_id)
    if boot_id is not None:
        runs = select(_run.c.id).where(_run.c.boot_id == boot_id)
        query = query.where(_segment.c.run_id.in_(runs))
    rows = connection.execute(query).all()
    check_rows(_segment, rows)
    return [Segment(*row) for row in rows]


def lower_bound(connection: Connection, segment: Segment, boot_ns: int) -> int:
    """The first id of the segment whose row is not before `boot_ns`; last_id + 1 if none."""
    if boot_ns <= segment.first_boot_ns:
        return segment.first_id
    if boot_ns > segment.last_boot_ns:
        return segment.last_id + 1
    low, high = segment.first_id, segment.last_id  # before it; not before it
    while high - low > 1:
        middle = (low + high) // 2
        found = connection.exec_driver_sql(_BOOT_NS, (middle,)).scalar()
        # Where rows are missing from the middle of a segment, the file has been tampered with.
        low, high = (low, middle) if found is None or found >= boot_ns else (middle, high)
    return high


_BOOT_NS = "SELECT boot_ns FROM image WHERE id = ?"


def row_of(connection: Connection, run_id: int, boot_ns: int, pid: int) -> int | None:
    """The row of an image of a run."""
    around = select(_segment).where(
        _segment.c.run_id == run_id,
        _segment.c.first_boot_ns <= boot_ns,
        _segment.c.last_boot_ns >= boot_ns,
    )
    for row in connection.execute(around).all():
        segment = Segment(*row)
        first = lower_bound(connection, segment, boot_ns)
        last = lower_bound(connection, segment, boot_ns + 1)
        found = connection.scalar(
            select(_image.c.id).where(_image.c.id >= first, _image.c.id < last, _image.c.pid == pid)
        )
        if found is not None:
            return int(found)
    return None


def ids_of_pid(connection: Connection, pid: int) -> list[int]:
    """The rows of a pid, in order."""
    pids = pid >> schema.PID_BITS
    return [row[0] for row in connection.exec_driver_sql(_IDS_OF_PID, (pids, pid))]


def descendants_of(connection: Connection, ancestor: int) -> list[int]:
    """The rows that a row started, directly or not, in order; not itself."""
    blocks_of = lru_cache(maxsize=65_536)(partial(_blocks_of, connection))
    children_in = lru_cache(maxsize=256)(partial(_children_in, connection))
    found: set[int] = set()
    waiting = [ancestor]
    while waiting:
        number = heappop(waiting)  # in order, so that blocks are read about once
        blocks = blocks_of(number >> schema.PARENT_BITS)
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
    rows = connection.exec_driver_sql(_BLOCKS, (parents,)).all()
    check_rows(schema.child_block, rows)
    return [row[1] for row in rows]


def _children_in(connection: Connection, block: int) -> dict[int, list[int]]:
    """The rows of a block by their parent."""
    first = block << schema.BLOCK_BITS
    children: dict[int, list[int]] = {}
    last = first + (1 << schema.BLOCK_BITS) - 1
    for number, parent in connection.exec_driver_sql(_PARENTS, (first, last)):
        children.setdefault(parent, []).append(number)
    return children


def _all_children(connection: Connection, number: int) -> list[int]:
    parents = number >> schema.PARENT_BITS
    return [row[0] for row in connection.exec_driver_sql(_CHILDREN, (parents, number))]


# CROSS JOIN: SQLite then takes the tables in this order.
_IN_BLOCK = (
    f"image.id BETWEEN block << {schema.BLOCK_BITS}"
    f" AND (block << {schema.BLOCK_BITS}) + {(1 << schema.BLOCK_BITS) - 1}"
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
