"""Finds what live replays started: a replay has one program at its root, started by uid 0, and a
mount namespace that nothing else uses as long as that program runs.

Only replays by root count. Any user can start a program of that name in a mount namespace, and
must not be able to hide what it starts.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.reading.filter import LeftOut
from execdb.store.replay_root import ROOT_PROGRAM
from execdb.store.schema.constants import BLOCK_BITS
from execdb.store.segments.segment import Segment, lower_bound, segments_of

_REPLAYS_MAX = 1_000  # of a file, the latest ones


class Replay(NamedTuple):
    """`id` is the row of its first program, which is above all others; `to_ns` is None while it
    runs, or if its end is not known."""

    id: int
    run_id: int
    from_ns: int
    to_ns: int | None
    left_out: LeftOut


def replays_of(connection: Connection) -> Sequence[Replay]:
    """Those that there are in a file, oldest first."""
    if connection.execute(_ANY, (ROOT_PROGRAM,)).fetchone() is None:
        return ()
    rows = connection.execute(_ROOTS, (ROOT_PROGRAM, _REPLAYS_MAX)).fetchall()
    return [_replay(connection, *row) for row in reversed(rows)]


def _replay(
    connection: Connection, id_: int, run_id: int, from_ns: int, took_ns: int | None, mnt_ns: int
) -> Replay:
    to_ns = None if took_ns is None else from_ns + took_ns
    segments = [
        segment
        for segment in segments_of(connection)
        if segment.run_id == run_id and segment.last_id >= id_
    ]
    last = max(id_, *(_last_until(connection, segment, to_ns) for segment in segments))
    first_entry = min(segment.first_entry_id for segment in segments)
    last_entry = max(segment.last_entry_id for segment in segments)
    return Replay(id_, run_id, from_ns, to_ns, LeftOut(id_, last, mnt_ns, first_entry, last_entry))


def _last_until(connection: Connection, segment: Segment, to_ns: int | None) -> int:
    if to_ns is None:
        return segment.last_id
    return lower_bound(connection, segment, to_ns - segment.offset_ns + 1) - 1


_ANY = "SELECT 1 FROM program WHERE filename = ? LIMIT 1"
# CROSS JOIN: SQLite then takes the tables in this order.
_ROOTS = f"""
SELECT image.id, segment.run_id, image.time_ns, image.duration_ns, origin.mnt_ns
FROM program CROSS JOIN program_block ON program_block.program_id = program.id
CROSS JOIN image ON image.id BETWEEN block << {BLOCK_BITS}
    AND (block << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1} AND image.program_id = program.id
CROSS JOIN origin ON origin.id = image.origin_id
CROSS JOIN segment ON segment.first_id =
    (SELECT max(first_id) FROM segment WHERE first_id <= image.id) AND segment.last_id >= image.id
WHERE program.filename = ? AND image.id > 0 AND image.uid = 0 AND errno IS NULL
    AND typeof(mnt_ns) = 'integer' AND typeof(time_ns) = 'integer'
    AND typeof(duration_ns) IN ('integer', 'null')
ORDER BY image.id DESC LIMIT ?
"""
