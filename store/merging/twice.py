"""Finds execs that two collectors of one machine recorded, each to its own file.

Both read the kernel's clock in the same exec, one after the other, so their times differ by
microseconds. A process cannot exec again that soon.
"""

from bisect import bisect_left
from collections.abc import Iterable
from sqlite3 import Connection

from execdb.store.segments.segment import Segment

APART_NS = 100_000
_SPAN_ROWS = 2_000


def recorded_twice(connection: Connection, run_id: int) -> int:
    """How many rows of a run are execs that rows of another run tell of as well."""
    found = 0
    for row in connection.execute(_SEGMENTS, (run_id,)).fetchall():
        segment = Segment(*row)
        span = segment.first_boot_ns - APART_NS, segment.last_boot_ns + APART_NS
        others = [Segment(*other) for other in connection.execute(_OTHERS, (run_id, *span))]
        if others:
            found += _in_both(connection, segment, others)
    return found


def _in_both(connection: Connection, segment: Segment, others: Iterable[Segment]) -> int:
    found = 0
    first = segment.first_id
    while first <= segment.last_id:
        last = min(first + _SPAN_ROWS - 1, segment.last_id)
        mine = connection.execute(_ROWS, (segment.offset_ns, first, last)).fetchall()
        first = last + 1
        if mine:
            theirs = _starts(connection, others, mine[0][1] - APART_NS, mine[-1][1] + APART_NS)
            found += sum(_near(theirs.get(pid, ()), boot_ns) for pid, boot_ns in mine)
    return found


def _starts(
    connection: Connection, segments: Iterable[Segment], from_ns: int, to_ns: int
) -> dict[int, list[int]]:
    """When the other rows of this time began, by pid."""
    starts: dict[int, list[int]] = {}
    for segment in segments:
        if segment.first_boot_ns <= to_ns and segment.last_boot_ns >= from_ns:
            offset_ns = segment.offset_ns
            which = offset_ns, from_ns + offset_ns, to_ns + offset_ns, *segment[:2]
            for pid, boot_ns in connection.execute(_BETWEEN, which):
                starts.setdefault(pid, []).append(boot_ns)
    return {pid: sorted(times) for pid, times in starts.items()}


def _near(times: list[int] | tuple[()], boot_ns: int) -> bool:
    at = bisect_left(times, boot_ns - APART_NS)
    return at < len(times) and times[at] <= boot_ns + APART_NS


_SEGMENTS = "SELECT * FROM segment WHERE run_id = ? AND first_id > 0 ORDER BY first_id"
_OTHERS = """
SELECT segment.* FROM segment CROSS JOIN run ON run.id = run_id
WHERE run_id <> ?1 AND first_id > 0 AND boot_id = (SELECT boot_id FROM run WHERE id = ?1)
AND last_boot_ns >= ?2 AND first_boot_ns <= ?3
"""
_ROWS = "SELECT pid, time_ns - ? FROM image WHERE id BETWEEN ? AND ? AND errno IS NULL ORDER BY id"
_BETWEEN = (
    "SELECT pid, time_ns - ? FROM image WHERE time_ns BETWEEN ? AND ?"
    " AND id BETWEEN ? AND ? AND errno IS NULL"
)
