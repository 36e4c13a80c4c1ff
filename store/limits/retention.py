"""Keeping a file within its bounds, in steps.

Each step is one short transaction, so that a recorder is not held up for long. What is too old is
removed. Where too much is stored, long arguments are cut first; then rows of a user who crowds out
the others are removed; then the oldest rows. Free pages are used again, or given back to the file
system.
"""

from collections.abc import Callable, Iterator
from sqlite3 import Connection

from execdb.store.file.database import WAL_PAGES, Database
from execdb.store.file.sql import scalar
from execdb.store.ledger.trimmed import Trim, What, add_trims
from execdb.store.limits.bounds import Bounds, reserve_bytes
from execdb.store.limits.crowding import Crowd
from execdb.store.limits.excess import Excess, excess_of, target_bytes
from execdb.store.limits.file_size import give_back, size_of
from execdb.store.limits.long_arguments import Cutter
from execdb.store.limits.removal import oldest_segment, remove_rows, time_ns_of
from execdb.store.limits.unused_entries import left_behind, sweep
from execdb.store.segments.segment import Segment, lower_bound

STEP_ROWS = 5_000
_AGE_EVERY_NS = 1_000_000_000  # how often retention looks for rows that are too old

Step = Callable[[Connection], int | None]


class Retention:
    """Call `step` again and again: others may record into the file meanwhile. `excess` says how far
    the file was above its bound on size when the last step began."""

    def __init__(
        self, database: Database, bounds: Bounds, wal_bytes: Callable[[], int] | None = None
    ) -> None:
        self._database, self._bounds, self._wal_bytes = database, bounds, wal_bytes
        self.excess = Excess.NONE
        self._first_bytes: int | None = None  # what was used when the first step began
        self._expired_ns: int | None = None  # rows before this time have to be removed
        self._looked_ns = 0
        self._cutter, self._crowd = Cutter(), Crowd()
        with database.reading() as connection:
            # An earlier process may have ended between removing rows and their entries.
            self._unswept = left_behind(connection)
        if bounds.max_bytes is not None:
            _limit_wal(database, bounds.max_bytes)

    def change(self, bounds: Bounds) -> None:
        """From now on the bounds are these. Raises DatabaseError."""
        self._bounds, self.excess, self._first_bytes = bounds, Excess.NONE, None
        self._expired_ns, self._looked_ns = None, 0
        if bounds.max_bytes is not None:
            _limit_wal(self._database, bounds.max_bytes)

    def step(self, now_ns: int) -> int | None:
        """Does a bounded amount of work; `now_ns` is the wall clock. Returns how many rows were
        removed, None when there was nothing to do. Raises DatabaseError."""
        self._look(now_ns)
        steps = [*self._steps()]
        if steps:
            with self._database.writing() as connection:
                for step in steps:
                    removed = step(connection)
                    if removed is not None:
                        return removed
        return 0 if self._give_back() else None

    def _steps(self) -> Iterator[Step]:
        """What may have to be done, in this order. Each does something and returns how many rows
        it removed, or returns None where it finds nothing to do: then the next one is tried."""
        if self.excess is Excess.NONE:
            if self._expired_ns is not None:
                yield self._remove_expired
            if self._unswept:
                yield self._sweep
            return
        if self._unswept:  # first, as only then it is known how much was freed
            yield self._sweep
        if self.excess is not Excess.MUCH:
            yield self._cut_arguments
        yield self._remove_crowd
        yield self._remove_oldest

    def _look(self, now_ns: int) -> None:
        """Finds out what is too much, and what is too old."""
        bounds, keep_ns = self._bounds, self._bounds.keep_ns
        if bounds.room_bytes is not None:
            used = size_of(self._database, self._wal_bytes).used
            self._first_bytes = self._first_bytes or used
            self.excess = excess_of(used, bounds, self._first_bytes, self.excess)
        if keep_ns is not None and abs(now_ns - self._looked_ns) >= _AGE_EVERY_NS:
            self._expired_ns, self._looked_ns = now_ns - keep_ns, now_ns

    def _remove_expired(self, connection: Connection) -> int | None:
        segment = oldest_segment(connection)
        if segment is not None and self._expired_ns is not None:
            end = lower_bound(connection, segment, self._expired_ns - segment.offset_ns)
            if end > segment.first_id:
                return self._remove(connection, segment, end - 1)
        self._expired_ns = None  # until the next look
        return None

    def _remove_oldest(self, connection: Connection) -> int | None:
        segment = oldest_segment(connection)
        return None if segment is None else self._remove(connection, segment, segment.last_id)

    def _remove(self, connection: Connection, segment: Segment, last: int) -> int:
        """The rows of a segment from its first to `last`, as many as one step may remove."""
        last = min(last, segment.first_id + STEP_ROWS - 1)
        self._unswept |= remove_rows(connection, segment, [(segment.first_id, last)])
        return last - segment.first_id + 1

    def _remove_crowd(self, connection: Connection) -> int | None:
        oldest = oldest_segment(connection)
        if oldest is None:
            return None
        found = self._crowd.next(connection, oldest, STEP_ROWS)
        if found is None:
            return None
        trims = []
        for first, last in found.runs:
            begin_ns, end_ns = (time_ns_of(connection, row) for row in (first, last))
            trims.append(Trim(What.ROWS, found.uid, last - first + 1, begin_ns, end_ns))
        if trims:
            self._unswept |= remove_rows(connection, found.segment, found.runs)
            add_trims(connection, trims)
        return sum(trim.events for trim in trims)

    def _cut_arguments(self, connection: Connection) -> int | None:
        cut = self._cutter.step(connection)
        if cut is None:
            return None
        self._unswept |= cut[1]
        if self._unswept:  # what was cut is free only then
            self._sweep(connection)
        return 0

    def _sweep(self, connection: Connection) -> int:
        """Removes those dictionary entries of one range that are unused."""
        sweep(connection, *self._unswept.pop())
        return 0

    def _give_back(self) -> bool:
        """Gives free pages to the file system where the file is larger than it may be."""
        if self._bounds.room_bytes is None:
            return False
        size = size_of(self._database, self._wal_bytes)
        if size.free == 0 or size.total - size.wal <= self._bounds.room_bytes:
            return False
        return give_back(self._database, self._bounds.step_pages) > 0


def _limit_wal(database: Database, max_bytes: int) -> None:
    """Keeps the WAL small where the file has to stay small."""
    page_bytes = int(scalar(database.connection, "PRAGMA page_size"))
    pages = max(64, min(WAL_PAGES, reserve_bytes(max_bytes) // 8 // page_bytes))
    database.connection.execute(f"PRAGMA wal_autocheckpoint = {pages:d}")
    database.connection.execute(f"PRAGMA journal_size_limit = {pages * page_bytes:d}")


def would_remove(database: Database, bounds: Bounds, now_ns: int) -> int:
    """How many rows the bounds would remove; for a bound on size this is an estimate."""
    with database.reading() as connection:
        rows = int(scalar(connection, _ROWS) or 0)
        old = 0
        if bounds.keep_ns is not None:
            old = int(scalar(connection, _OLDER, (now_ns - bounds.keep_ns,)))
    used, room = size_of(database).used, bounds.room_bytes
    if room is None or used <= room:
        return old
    return max(old, rows * (used - target_bytes(room)) // used)


_ROWS = "SELECT sum(last_id - first_id + 1) FROM segment WHERE first_id > 0"
_OLDER = "SELECT count(*) FROM image WHERE id > 0 AND time_ns < ?"
