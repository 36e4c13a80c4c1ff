"""Removing rows of a segment, with everything that is stored only because of them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.file.sql import insert_sql, scalar
from execdb.store.schema import constants
from execdb.store.segments.segment import Segment

Range = tuple[int, int]  # ids of rows or of dictionary entries: first, last


def oldest_segment(connection: Connection) -> Segment | None:
    """By wall clock, of recorded or imported rows; None if there are no rows."""
    row = connection.execute(_OLDEST).fetchone()
    return None if row is None else Segment(*row)


_OLDEST = "SELECT * FROM segment WHERE first_id > 0 ORDER BY first_boot_ns + offset_ns LIMIT 1"


def remove_rows(connection: Connection, segment: Segment, runs: Sequence[Range]) -> set[Range]:
    """Removes these rows of a segment, given in order, and counts them as pruned. What is left
    between them becomes segments of its own. Returns ranges of dictionary entries of which some
    may be unused now. Raises DatabaseError."""
    removed = 0
    for first, last in runs:
        _remove_blocks(connection, first, last)
        removed += connection.execute(_DELETE_ROWS, (first, last)).rowcount
    connection.execute(_PRUNED, (removed, segment.run_id))
    connection.execute(_DELETE_SEGMENT, (segment.first_id,))
    left = [*_left_of(connection, segment, runs)]
    connection.executemany(_SEGMENT, left)
    entries = {(segment.first_entry_id, segment.last_entry_id)}
    return entries if left else entries | _remove_seen(connection, segment.run_id)


_DELETE_ROWS = "DELETE FROM image WHERE id BETWEEN ? AND ?"
_DELETE_SEGMENT = "DELETE FROM segment WHERE first_id = ?"
_SEGMENT = insert_sql("segment", Segment._fields)
_PRUNED = "UPDATE run SET pruned = pruned + ? WHERE id = ?"


def _left_of(connection: Connection, segment: Segment, runs: Sequence[Range]) -> Iterator[Segment]:
    """A segment for the rows before the first run, between two, and behind the last. A segment of
    a damaged file may claim rows that are not there: these are left out."""
    edges = [(0, segment.first_id - 1), *runs, (segment.last_id + 1, 0)]
    for (_, removed), (following, _) in pairwise(edges):
        first = _row(connection, _FIRST_OF, (removed + 1, following - 1))
        last = _row(connection, _LAST_OF, (removed + 1, following - 1))
        if first is not None and last is not None:
            yield segment._replace(
                first_id=first[0],
                last_id=last[0],
                first_boot_ns=first[1] - segment.offset_ns,
                last_boot_ns=last[1] - segment.offset_ns,
            )


def _row(connection: Connection, sql: str, among: Range) -> tuple[int, int] | None:
    """Id and time_ns. Raises DatabaseError where these are not numbers."""
    found = connection.execute(sql, among).fetchone()
    if found is not None and set(map(type, found)) != {int}:
        raise DatabaseError("the database is inconsistent: a time is no number")
    return found and (found[0], found[1])


_FIRST_OF = "SELECT id, time_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
_LAST_OF = "SELECT id, time_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"


def time_ns_of(connection: Connection, row_id: int) -> int:
    """Of one row; 0 if it is missing. Raises DatabaseError."""
    return (_row(connection, _FIRST_OF, (row_id, row_id)) or (row_id, 0))[1]


def _remove_seen(connection: Connection, run_id: int) -> set[Range]:
    """Removes the rows of programs that ran before the runs of a boot began, once these runs have
    ended and all their rows are gone. Until then later runs refer to what an earlier one saw."""
    for needed in (_RECORDED_IN_BOOT, _UNENDED_IN_BOOT):
        if scalar(connection, needed, (run_id,)) is not None:
            return set()
    entries: set[Range] = set()
    for row in connection.execute(_OF_BOOT, (run_id,)).fetchall():
        segment = Segment(*row)
        _remove_blocks(connection, segment.first_id, segment.last_id)
        connection.execute(_DELETE_ROWS, (segment.first_id, segment.last_id))
        connection.execute(_DELETE_SEGMENT, (segment.first_id,))
        entries.add((segment.first_entry_id, segment.last_entry_id))
    return entries


_BOOT_OF = "(SELECT boot_id FROM run WHERE id = ?)"
_OF_BOOT = f"SELECT * FROM segment WHERE run_id IN (SELECT id FROM run WHERE boot_id = {_BOOT_OF})"
_RECORDED_IN_BOOT = _OF_BOOT + " AND first_id > 0 LIMIT 1"
_UNENDED_IN_BOOT = (
    f"SELECT id FROM run WHERE boot_id = {_BOOT_OF} AND kind = 'collect' AND ended IS NULL LIMIT 1"
)


def _remove_blocks(connection: Connection, first: int, last: int) -> None:
    """Removes what the block tables say of these rows, unless another row of the block needs it.
    Must be called before the rows are removed."""
    size = 1 << constants.BLOCK_BITS
    for (block,) in connection.execute(_BLOCKS, (first, last)).fetchall():
        low, high = block * size, block * size + size - 1
        for sql in _FORGET_BLOCK:
            connection.execute(
                sql, (block, max(first, low), min(last, high), low, first - 1, last + 1, high)
            )


def _forget(table: str, key: str, value: str) -> str:
    return (
        f"DELETE FROM {table} WHERE block = ?"
        f" AND {key} IN (SELECT {value} FROM image WHERE id BETWEEN ? AND ?)"
        f" AND {key} NOT IN (SELECT {value} FROM image WHERE (id BETWEEN ? AND ?"
        f" OR id BETWEEN ? AND ?) AND {value} IS NOT NULL)"
    )


_ANY = "ifnull(?2 + ?3 + ?7, 1)"  # true; a statement must name the last of its parameters
# Only blocks of rows that exist: a segment of a damaged file may claim any range.
_BLOCKS = f"SELECT DISTINCT id >> {constants.BLOCK_BITS} FROM image WHERE id BETWEEN ? AND ?"
_FORGET_BLOCK = (
    _forget("pid_block", "pids", f"pid >> {constants.PID_BITS}"),
    _forget("ppid_block", "ppids", f"ppid >> {constants.PID_BITS}"),
    _forget("origin_block", "origin_id", "origin_id"),
    _forget("program_block", "program_id", "program_id"),
    f"DELETE FROM failure_block WHERE block = ?1 AND {_ANY}",
    "INSERT INTO failure_block (block, failure, count)"
    f" SELECT ?1, CASE WHEN errno IS NULL THEN status ELSE {constants.REFUSED} END AS failure,"
    f" count(*) FROM image WHERE {_ANY} AND (id BETWEEN ?4 AND ?5 OR id BETWEEN ?6 AND ?7)"
    " AND (errno IS NOT NULL OR status > 0) GROUP BY failure",
    # What remains of a block may have had a lower peak, which costs time and no answer.
    f"DELETE FROM peak_block WHERE block = ?1 AND {_ANY} AND NOT EXISTS"
    " (SELECT 1 FROM image WHERE id BETWEEN ?4 AND ?5 OR id BETWEEN ?6 AND ?7)",
)
