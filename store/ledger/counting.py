"""How many events there are in each of many intervals of time, in one pass over the segments."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container, Sequence
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.segments.segment import Segment, lower_bound, segments_of
from execdb.store.segments.writer import ROWS

_READ_ROWS = 64  # reading as many rows takes as long as finding one by binary search
_ROWS_MAX = 4 * ROWS  # a segment that claims more rows was not written by execdb


def events_in(
    database: Database,
    intervals: Sequence[tuple[int, int]],
    run_ids: Container[int] | None = None,
) -> list[int]:
    """The number of events in each interval (wall clock in ns: from, up to), of these runs (None:
    of all). The intervals are in order and do not overlap. Raises DatabaseError."""
    begins = [from_ns for from_ns, _ in intervals]
    ends = [to_ns for _, to_ns in intervals]
    counts = [0] * len(intervals)
    with database.reading() as connection:
        for segment in segments_of(connection):
            if segment.first_id > 0 and (run_ids is None or segment.run_id in run_ids):
                offset_ns = segment.offset_ns
                first = bisect_right(ends, segment.first_boot_ns + offset_ns)
                last = bisect_right(begins, segment.last_boot_ns + offset_ns)
                row_at = _row_finder(connection, segment, 2 * (last - first))
                for at in range(first, last):
                    counts[at] += row_at(ends[at] - offset_ns) - row_at(begins[at] - offset_ns)
    return counts


def _row_finder(connection: Connection, segment: Segment, calls: int) -> Callable[[int], int]:
    """A function that finds the first row of the segment not before a boot_ns. It is going to be
    called `calls` times: for many calls all rows are read once."""
    rows = segment.last_id - segment.first_id + 1
    if calls * _READ_ROWS < rows or rows > _ROWS_MAX:
        return lambda boot_ns: lower_bound(connection, segment, boot_ns)
    found = connection.execute(_TIMES, (segment.first_id, segment.last_id)).fetchall()
    times = [time_ns for (time_ns,) in found]
    if not set(map(type, times)) <= {int}:
        raise DatabaseError("the database is inconsistent: image.time_ns is not a number")
    return lambda boot_ns: bisect_left(times, boot_ns + segment.offset_ns)


_TIMES = "SELECT time_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id"
