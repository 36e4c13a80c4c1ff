"""Keeping the file within bounds: the oldest rows go, with what only they referred to. A bound on
size first takes what is long of arguments, and rows of a user who crowds out the others.

Works in steps, each a short transaction of its own, so that whoever records is not held up for
long. Space that becomes free inside the file is used again, or handed back to the file system.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.file.database import WAL_PAGES, Database
from execdb.store.file.sql import insert_sql, scalar
from execdb.store.ledger.trimmed import Trim, What, note
from execdb.store.limits.bounds import Bounds, reserve_bytes
from execdb.store.limits.crowding import Run, alone, crowding, front, runs_of
from execdb.store.limits.long_arguments import Cutter
from execdb.store.limits.unused_entries import left_behind, sweep
from execdb.store.schema import constants
from execdb.store.segments.segment import Segment, lower_bound, segments_of

STEP_ROWS = 5_000
_STEP_PAGES = 500  # handed back to the file system
_SLACK = 20  # a bound on size is met with a twentieth to spare, so that steps come in bursts
_CROWD_STEPS = 16  # after which is looked again who has most rows
_LOOK_NS = 1_000_000_000  # how often age is looked at


@dataclass(frozen=True)
class Size:
    """Of the file in bytes: with its WAL, the WAL alone, and what is free inside."""

    total: int
    wal: int
    free: int


def size_of(database: Database, wal_bytes: Callable[[], int] | None = None) -> Size:
    """`wal_bytes` tells the size of the WAL where its path may not be looked at."""
    with database.reading() as connection:
        page, pages, free = (
            int(scalar(connection, f"PRAGMA {name}"))
            for name in ("page_size", "page_count", "freelist_count")
        )
    wal = _wal_bytes(database) if wal_bytes is None else wal_bytes()
    return Size(page * pages + wal, wal, page * free)


def _wal_bytes(database: Database) -> int:
    try:
        return Path(f"{database.real}-wal").stat().st_size
    except FileNotFoundError:
        return 0


class Retention:
    """Holds a file within its bounds, while others may record into it."""

    def __init__(
        self, database: Database, bounds: Bounds, wal_bytes: Callable[[], int] | None = None
    ) -> None:
        self._database, self._bounds, self._wal_bytes = database, bounds, wal_bytes
        self._enough_bytes: int | None = None  # while too much is used: how much is not
        self.behind = False  # more is used than may be: the next step should not wait
        self._first_bytes: int | None = None  # what was used at first
        self.pressed = False  # so much more is used that only rows help, at once
        self._before_ns: int | None = None  # what is older goes
        self._looked_ns = 0
        self._cutter = Cutter()
        self._crowd: int | None = None  # the user whose rows are too many
        self._passed = 0  # the last row that was looked at for being one of them
        self._steps = 0
        with database.reading() as connection:
            # Entries that lost some of their rows, and whoever removed these was stopped.
            self._ragged = left_behind(connection)
        if bounds.max_bytes is not None:
            page_bytes = int(scalar(database.connection, "PRAGMA page_size"))
            pages = max(64, min(WAL_PAGES, reserve_bytes(bounds.max_bytes) // 8 // page_bytes))
            database.connection.execute(f"PRAGMA wal_autocheckpoint = {pages:d}")
            database.connection.execute(f"PRAGMA journal_size_limit = {pages * page_bytes:d}")

    def step(self, now_ns: int) -> int | None:
        """Does a bounded amount of work; `now_ns` is the wall clock. Returns how many rows
        went, None when there is nothing to do. Raises DatabaseError."""
        self._look(now_ns)
        # How much a step has freed is known only when the dictionary is swept, too.
        measured = self._ragged and self._enough_bytes is not None
        removed = 0 if measured else self._remove()
        if removed is not None and (removed or not self._ragged):
            return removed
        if self._ragged:
            with self._database.writing() as connection:
                sweep(connection, *self._ragged.pop())
            return 0
        return 0 if self._give_back() else None

    def _look(self, now_ns: int) -> None:
        room, size_max = self._bounds.room_bytes, self._bounds.max_bytes
        if room is not None:
            size = size_of(self._database, self._wal_bytes)
            used = size.total - size.wal - size.free
            self.behind = used > room
            self._first_bytes = self._first_bytes or used
            self.pressed = used > max(self._first_bytes, (15 * room + (size_max or 0)) // 16)
            if self.behind:
                self._enough_bytes = room - room // _SLACK
            elif self._enough_bytes is not None and used <= self._enough_bytes:
                self._enough_bytes = None
        if self._bounds.keep_ns is not None and abs(now_ns - self._looked_ns) >= _LOOK_NS:
            self._before_ns = now_ns - self._bounds.keep_ns
            self._looked_ns = now_ns

    def _remove(self) -> int | None:
        """Returns how many rows went; None if nothing was to do."""
        if self._before_ns is None and self._enough_bytes is None:
            return None
        with self._database.writing() as connection:
            if self._enough_bytes is not None and not self.pressed:
                cut = self._cutter.step(connection)
                if cut is not None:
                    self._ragged |= cut[1]
                    return 0
            return self._remove_rows(connection)

    def _remove_rows(self, connection: Connection) -> int | None:
        segment = _oldest(connection)
        if segment is None:
            self._before_ns = self._enough_bytes = None
            return None
        last = segment.last_id
        if self._enough_bytes is None:
            assert self._before_ns is not None
            last = lower_bound(connection, segment, self._before_ns - segment.offset_ns) - 1
        last = min(last, segment.first_id + STEP_ROWS - 1)
        if last < segment.first_id:
            self._before_ns = None  # until the next look
            return None
        if self._enough_bytes is not None:
            removed = self._remove_crowd(connection, (segment.first_id, last))
            if removed is not None:
                return removed
        self._ragged |= _remove(connection, segment, segment.first_id, last)
        return last - segment.first_id + 1

    def _remove_crowd(self, connection: Connection, oldest: Run) -> int | None:
        """Rows of whoever has most of them, before the oldest, of others, must go; None if that is
        nobody, or there are none left that can go."""
        if self._steps % _CROWD_STEPS == 0:
            before, self._crowd = self._crowd, crowding(connection)
            self._passed = self._passed if before == self._crowd else 0
        self._steps += 1
        uid = self._crowd
        if uid is None or alone(connection, oldest, uid):
            return None
        found = runs_of(connection, uid, self._passed, STEP_ROWS)
        if found is None:
            return None
        segment, runs, self._passed = found
        trims = []
        for first, last in reversed(runs):  # what is left of the segment is in front of each
            begin_ns, end_ns = (_time_of(connection, id_) for id_ in (first, last))
            offset_ns = segment.offset_ns
            trim = Trim(What.ROWS, uid, last - first + 1, begin_ns + offset_ns, end_ns + offset_ns)
            trims.append(trim)
            self._ragged |= _remove(connection, segment, first, last)
            if first > segment.first_id:
                last_row = _row(connection, _LAST_OF, (segment.first_id, first - 1))
                segment = front(segment, *(last_row or (first - 1, 0)))
        note(connection, reversed(trims))
        return sum(trim.events for trim in trims)

    def _give_back(self) -> bool:
        """Hands free pages to the file system where the file is larger than it may be."""
        if self._bounds.room_bytes is None:
            return False
        size = size_of(self._database, self._wal_bytes)
        if size.free == 0 or size.total - size.wal <= self._bounds.room_bytes:
            return False
        return give_back(self._database) > 0


def outside(database: Database, bounds: Bounds, now_ns: int) -> int:
    """How many rows the bounds would remove; for a bound on size, about so many."""
    with database.reading() as connection:
        segments = [segment for segment in segments_of(connection) if segment.first_id > 0]
        old = 0
        for segment in segments if bounds.keep_ns is not None else []:
            before_ns = now_ns - (bounds.keep_ns or 0) - segment.offset_ns
            old += lower_bound(connection, segment, before_ns) - segment.first_id
    rows = sum(segment.last_id - segment.first_id + 1 for segment in segments)
    size, room = size_of(database), bounds.room_bytes
    used = size.total - size.wal - size.free
    if room is None or used <= room:
        return old
    return max(old, rows * (used - (room - room // _SLACK)) // used)


def give_back(database: Database) -> int:
    """Takes free pages off the end of the file, so many at a time; returns how many. None are
    taken where the file was made by an execdb that did not provide for it."""
    before = _free_pages(database)
    database.shrink(_STEP_PAGES)
    return before - _free_pages(database)


def compact(database: Database) -> None:
    """Makes the file as small as its rows allow, and empties the WAL if nobody reads it."""
    while give_back(database):
        pass
    database.take_up_wal()


def _free_pages(database: Database) -> int:
    with database.reading() as connection:
        return int(scalar(connection, "PRAGMA freelist_count"))


def _oldest(connection: Connection) -> Segment | None:
    row = connection.execute(_OLDEST).fetchone()
    return None if row is None else Segment(*row)


_OLDEST = "SELECT * FROM segment WHERE first_id > 0 ORDER BY first_boot_ns + offset_ns LIMIT 1"


def _remove(connection: Connection, segment: Segment, first: int, last: int) -> set[Run]:
    """Rows of a segment, counted as pruned. Returns the ranges of entries that they referred to."""
    ragged = {(segment.first_entry_id, segment.last_entry_id)}
    _remove_blocks(connection, first, last)
    removed = connection.execute(_DELETE_ROWS, (first, last)).rowcount
    _remove_chunks(connection, first, last)
    connection.execute(_PRUNED, (removed, segment.run_id))
    connection.execute(_DELETE_SEGMENT, (segment.first_id,))
    before = _row(connection, _LAST_OF, (segment.first_id, first - 1))
    behind = _row(connection, _FIRST_OF, (last + 1, segment.last_id))
    if before is not None:
        connection.execute(_SEGMENT, front(segment, *before))
    if behind is not None:
        first_id, boot_ns = behind
        connection.execute(_SEGMENT, segment._replace(first_id=first_id, first_boot_ns=boot_ns))
    if before is None and behind is None:
        ragged |= _remove_seen(connection, segment.run_id)
    return ragged


def _row(connection: Connection, sql: str, among: Run) -> Run | None:
    """Id and boot_ns of a row that is there: a segment may claim rows that someone has removed,
    or that never were. Raises DatabaseError."""
    found = connection.execute(sql, among).fetchone()
    if found is not None and set(map(type, found)) != {int}:
        raise DatabaseError("the database is inconsistent: a time is no number")
    return found and (found[0], found[1])


def _time_of(connection: Connection, number: int) -> int:
    """The boot_ns of a row, 0 where it is missing."""
    return (_row(connection, _FIRST_OF, (number, number)) or (number, 0))[1]


_FIRST_OF = "SELECT id, boot_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1"
_LAST_OF = "SELECT id, boot_ns FROM image WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"
_DELETE_ROWS = "DELETE FROM image WHERE id BETWEEN ? AND ?"
_DELETE_SEGMENT = "DELETE FROM segment WHERE first_id = ?"
_SEGMENT = insert_sql("segment", Segment._fields)
_PRUNED = "UPDATE run SET pruned = pruned + ? WHERE id = ?"


def _remove_seen(connection: Connection, run_id: int) -> set[tuple[int, int]]:
    """What was seen when the runs of a boot began goes when all its runs have ended and all their
    rows have gone: later runs refer to what an earlier one saw, and its ids are given again."""
    ragged: set[tuple[int, int]] = set()
    for needed in (_RECORDED_IN_BOOT, _GOES_ON_IN_BOOT):
        if scalar(connection, needed, (run_id,)) is not None:
            return ragged
    for row in connection.execute(_OF_BOOT, (run_id,)).fetchall():
        segment = Segment(*row)
        _remove_blocks(connection, segment.first_id, segment.last_id)
        connection.execute(_DELETE_ROWS, (segment.first_id, segment.last_id))
        connection.execute(_DELETE_SEGMENT, (segment.first_id,))
        ragged.add((segment.first_entry_id, segment.last_entry_id))
    return ragged


_BOOT_OF = "(SELECT boot_id FROM run WHERE id = ?)"
_OF_BOOT = f"SELECT * FROM segment WHERE run_id IN (SELECT id FROM run WHERE boot_id = {_BOOT_OF})"
_RECORDED_IN_BOOT = _OF_BOOT + " AND first_id > 0 LIMIT 1"
_GOES_ON_IN_BOOT = (
    f"SELECT id FROM run WHERE boot_id = {_BOOT_OF} AND kind = 'collect' AND ended IS NULL LIMIT 1"
)


def _remove_blocks(connection: Connection, first: int, last: int) -> None:
    """What the blocks say of these rows, where no other row of the block says it, too."""
    size = 1 << constants.BLOCK_BITS
    for (block,) in connection.execute(_BLOCKS, (first, last)).fetchall():
        low, high = block * size, block * size + size - 1
        for sql in _FORGET_BLOCK:
            connection.execute(
                sql, (block, max(first, low), min(last, high), low, first - 1, last + 1, high)
            )


def _remove_chunks(connection: Connection, first: int, last: int) -> None:
    """What is known of the chunks of these rows, where none of a chunk's rows is left."""
    bits = constants.BLOCK_BITS + constants.CHUNK_BITS
    for chunk in range(first >> bits, (last >> bits) + 1):
        rows = chunk << bits, (chunk + 1 << bits) - 1
        if scalar(connection, _ANY_ROW, rows) is None:
            connection.execute("DELETE FROM entry_block WHERE chunk = ?", (chunk,))


_ANY_ROW = "SELECT id FROM image WHERE id BETWEEN ? AND ? LIMIT 1"


def _forget(table: str, key: str, value: str) -> str:
    return (
        f"DELETE FROM {table} WHERE block = ?"
        f" AND {key} IN (SELECT {value} FROM image WHERE id BETWEEN ? AND ?)"
        f" AND {key} NOT IN (SELECT {value} FROM image WHERE (id BETWEEN ? AND ?"
        f" OR id BETWEEN ? AND ?) AND {value} IS NOT NULL)"
    )


# Of the rows that are there: a segment may claim any.
_BLOCKS = f"SELECT DISTINCT id >> {constants.BLOCK_BITS} FROM image WHERE id BETWEEN ? AND ?"
_FORGET_BLOCK = (
    _forget("pid_block", "pids", f"pid >> {constants.PID_BITS}"),
    _forget("child_block", "parents", f"parent_id >> {constants.PARENT_BITS}"),
)
