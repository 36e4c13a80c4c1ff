"""What the collector before has stored of a time that the one after has seen as well."""

from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.segments.segment import Segment, lower_bound


class StoredImage(NamedTuple):
    """A row of image; an attempt has failed."""

    boot_ns: int
    pid: int
    failed: bool
    id: int
    ended: bool


def stored_since(connection: Connection, boot_id: str, boot_ns: int) -> list[StoredImage]:
    """What collectors recorded in this boot from that boot time on."""
    found: list[StoredImage] = []
    for row in connection.execute(_SEGMENTS, (boot_id, boot_ns)).fetchall():
        segment = Segment(*row)
        first = lower_bound(connection, segment, boot_ns)
        rows = connection.execute(_ROWS, (segment.offset_ns, first, segment.last_id))
        found += [StoredImage(ns, pid, bool(failed), number, bool(ended))
                  for ns, pid, failed, number, ended in rows]  # fmt: skip
    return found


def end_of_run_before(connection: Connection, run_id: int) -> int | None:
    """When the run before this one ended, wall-clock time; None if there is none."""
    row = connection.execute(_ENDED, (run_id,)).fetchone()
    return None if row is None else row[0]


_SEGMENTS = (
    "SELECT segment.* FROM segment JOIN run ON run.id = run_id"
    " WHERE boot_id = ? AND kind = 'collect' AND last_boot_ns >= ? AND first_id > 0"
)
_ROWS = (
    "SELECT time_ns - ?, pid, errno IS NOT NULL, id, status IS NOT NULL FROM image"
    " WHERE id BETWEEN ? AND ?"
)
_ENDED = "SELECT ended_ns FROM run WHERE kind = 'collect' AND id < ? ORDER BY id DESC LIMIT 1"
