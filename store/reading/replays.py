"""Live replays in a history: when they ran, by the program at their root.

What they started is recognised by its control group: see store/replay_root.py.
"""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.replay_root import REPLAY_CGROUP, ROOT_PROGRAM, is_replayed
from execdb.store.schema.constants import BLOCK_BITS

REPLAYS_MAX = 1_000  # of a file, the latest ones


class Replay(NamedTuple):
    """`id` is the row of its first program, which is above all others; `to_ns` is None while it
    runs, or if its end is not known."""

    id: int
    run_id: int
    from_ns: int
    to_ns: int | None


def has_replays(connection: Connection) -> bool:
    """Whether there may be some."""
    return connection.execute(_ANY, (ROOT_PROGRAM,)).fetchone() is not None


def replays_of(connection: Connection) -> Sequence[Replay]:
    """Those that there are in a file, oldest first."""
    if not has_replays(connection):
        return ()
    rows = connection.execute(_ROOTS, (ROOT_PROGRAM, REPLAYS_MAX)).fetchall()
    return [
        Replay(id_, run_id, from_ns, None if took_ns is None else from_ns + took_ns)
        for id_, run_id, from_ns, took_ns, cgroup in reversed(rows)
        if isinstance(cgroup, str) and is_replayed(cgroup)
    ]


_ANY = "SELECT 1 FROM program WHERE filename = ? LIMIT 1"
# CROSS JOIN: SQLite then takes the tables in this order.
_ROOTS = f"""
SELECT image.id, segment.run_id, image.time_ns, image.duration_ns, origin.cgroup
FROM program CROSS JOIN program_block ON program_block.program_id = program.id
CROSS JOIN image ON image.id BETWEEN block << {BLOCK_BITS}
    AND (block << {BLOCK_BITS}) + {(1 << BLOCK_BITS) - 1} AND image.program_id = program.id
CROSS JOIN origin ON origin.id = image.origin_id
CROSS JOIN segment ON segment.first_id =
    (SELECT max(first_id) FROM segment WHERE first_id <= image.id)
WHERE program.filename = ? AND image.id > 0 AND errno IS NULL
    AND cgroup GLOB '{REPLAY_CGROUP}[0-9]*' AND typeof(time_ns) = 'integer'
    AND typeof(duration_ns) IN ('integer', 'null')
ORDER BY image.id DESC LIMIT ?
"""
