"""How many events each of many stretches of time holds, in one pass over the segments."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.segments.segment import Segment, lower_bound, segments_of
from execdb.store.segments.writer import ROWS

_READ_ROWS = 64  # as many rows are read in the time that halving takes to find one
_ROWS_MAX = 4 * ROWS  # a segment that claims more was not written by execdb


def events_in(database: Database, spans: Sequence[tuple[int, int]]) -> list[int]:
    """The events from the first moment of each span up to its last. The spans are in order and
    do not overlap. Raises DatabaseError."""
    begins = [from_ns for from_ns, _ in spans]
    ends = [to_ns for _, to_ns in spans]
    counts = [0] * len(spans)
    with database.reading() as connection:
        for segment in segments_of(connection):
            if segment.first_id > 0:
                offset_ns = segment.offset_ns
                first = bisect_right(ends, segment.first_boot_ns + offset_ns)
                last = bisect_right(begins, segment.last_boot_ns + offset_ns)
                place = _placing(connection, segment, 2 * (last - first))
                for at in range(first, last):
                    counts[at] += place(ends[at] - offset_ns) - place(begins[at] - offset_ns)
    return counts


def _placing(connection: Connection, segment: Segment, places: int) -> Callable[[int], int]:
    """A function that tells the first row of the segment not before a boot_ns."""
    rows = segment.last_id - segment.first_id + 1
    if places * _READ_ROWS < rows or rows > _ROWS_MAX:
        return lambda boot_ns: lower_bound(connection, segment, boot_ns)
    found = connection.execute(_MOMENTS, (segment.first_id, segment.last_id)).fetchall()
    moments = [boot_ns for (boot_ns,) in found]
    if not set(map(type, moments)) <= {int}:
        raise DatabaseError("the database is inconsistent: image.boot_ns is not a number")
    return lambda boot_ns: bisect_left(moments, boot_ns)


_MOMENTS = "SELECT boot_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id"
