"""Writing rows of `image`: numbered, grouped into segments, inserted in bulk.

A collector and an import both write through this. A segment is a run of rows whose ids ascend
with boot_ns, recorded by one run under one setting of the clock. So a row needs no column for its
run or its wall clock, a time is found by binary search without an index, and the dictionary
entries of a segment can be removed when the segment is.
"""

import json
from collections.abc import Iterator
from sqlite3 import Connection
from typing import cast

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import BulkInsert, insert_sql, scalar
from execdb.store.schema import constants
from execdb.store.segments.blocks import Uses, uses_in
from execdb.store.segments.dictionary import Dictionary
from execdb.store.segments.segment import Segment

ROWS = 65_536  # of a segment; the last batch may exceed it

_COLUMNS = (
    "id", "boot_ns", "pid", "ppid", "origin_id", "command_id", "parent_id", "status", "duration_ns"
)  # fmt: skip
_WIDTH = len(_COLUMNS)
_PID, _PARENT_ID, _STATUS = map(_COLUMNS.index, ("pid", "parent_id", "status"))
_ORIGIN_ID, _COMMAND_ID = map(_COLUMNS.index, ("origin_id", "command_id"))


class SegmentWriter:
    """Appends rows for one writer. In each transaction: `begin`, `add` for each row, `flush` before
    the commit; `rollback` if the transaction failed, after which nothing is known."""

    def __init__(self) -> None:
        self.dictionary = Dictionary()
        self.first_id = self.next_id = 1  # of the rows that are not flushed yet; of the next row
        self._rows: list[int | None] = []  # the columns of these rows, one row after the other
        self._attempts: list[tuple[str | bytes | None, str | bytes | None, int]] = []
        self._ends: list[tuple[int | None, int | None, int]] = []
        self._segment: Segment | None = None  # the one that the next row may continue
        self._uses = Uses(1, 0)  # of that segment
        self._closed: list[tuple[Segment, Uses]] = []  # those since the last flush that ended
        self._run_id, self._offset_ns, self._last_boot_ns = _NO_RUN, 0, 0  # of its last row

    def begin(self, connection: Connection) -> None:
        """Continues the segment of the last transaction, or if another writer has added rows
        since, starts after the last row with a new segment and an empty dictionary."""
        if self._segment is None or _last(connection) != self._segment:
            last = max(int(scalar(connection, sql) or 0) for sql in _LAST_IDS)
            self._restart(connection, last + 1)

    def begin_below(self, connection: Connection, count: int) -> None:
        """Starts a segment of `count` rows with ids below 0 and below all that are there."""
        lowest = scalar(connection, "SELECT min(first_id) FROM segment") or 0
        self._restart(connection, min(lowest, 0) - count)

    def _restart(self, connection: Connection, first_id: int) -> None:
        _complete(connection)
        self._segment, self._run_id = None, _NO_RUN
        self.dictionary.begin(connection)
        self.first_id = self.next_id = first_id

    def add(
        self,
        run_id: int,
        offset_ns: int,
        boot_ns: int,
        pid: int,
        ppid: int,
        origin_id: int,
        command_id: int,
        parent_id: int | None,
        status: int | None = None,
        duration_ns: int | None = None,
    ) -> int:
        """Adds a row and returns its id. `offset_ns` is its wall clock time less its boot_ns."""
        if boot_ns < self._last_boot_ns or offset_ns != self._offset_ns or run_id != self._run_id:
            self._start_segment(run_id, offset_ns, boot_ns)
        self._last_boot_ns = boot_ns
        number = self.next_id
        self._rows += (
            number, boot_ns, pid, ppid, origin_id, command_id, parent_id, status, duration_ns
        )  # fmt: skip
        self.next_id = number + 1
        return number

    def add_attempt(
        self, number: int, errno: str | bytes | None, caller: str | bytes | None
    ) -> None:
        """What the row just added has as an attempt: why it failed, and who called."""
        self._attempts.append((errno, caller, number))

    def end(self, number: int, status: int | None, duration_ns: int | None) -> None:
        """Stores how the image of a row ended. The row may be of any transaction."""
        if self.first_id <= number < self.next_id:
            at = (number - self.first_id) * _WIDTH + _STATUS
            self._rows[at : at + 2] = status, duration_ns
        else:
            self._ends.append((status, duration_ns, number))

    def lacks_end(self, number: int) -> bool:
        """Whether it is a row added since the last flush that has no end yet."""
        if not self.first_id <= number < self.next_id:
            return False
        return self._rows[(number - self.first_id) * _WIDTH + _STATUS] is None

    def _start_segment(self, run_id: int, offset_ns: int, boot_ns: int) -> None:
        self._close_segment()
        first, entry = self.next_id, self.dictionary.first_id
        self._segment = Segment(
            first, first, run_id, offset_ns, boot_ns, boot_ns, entry, entry, None
        )
        self._uses = Uses(first, self.dictionary.first_id - 1)
        self._run_id, self._offset_ns = run_id, offset_ns

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._closed.append((self._up_to_now(self._segment), self._uses))
        self._segment, self._run_id = None, _NO_RUN

    def _up_to_now(self, segment: Segment) -> Segment:
        """The segment with all rows that were added."""
        return segment._replace(
            last_id=self.next_id - 1,
            last_boot_ns=self._last_boot_ns,
            last_entry_id=self.dictionary.last_id,
        )

    def flush(self, connection: Connection) -> None:
        """Writes everything that was added. Raises DatabaseError."""
        if self._rows:
            self.dictionary.flush(connection)
            _IMAGES.run(connection, self._rows)
            if self._attempts:
                connection.executemany(_ATTEMPT, self._attempts)
            self._write_segments(connection)
            self._write_blocks(connection)
            self.first_id = self.next_id
            self._rows, self._attempts = [], []
        if self._ends:
            connection.executemany(_END, self._ends)
            self._ends = []

    def _write_segments(self, connection: Connection) -> None:
        assert self._segment is not None
        open_ = self._segment = self._up_to_now(self._segment)
        for segment, uses in [*self._closed, (open_, self._uses)]:
            self._note_uses(segment, uses)
        if self.dictionary.full or open_.last_id - open_.first_id >= ROWS:
            self._close_segment()
        segments = [open_] if self._segment is not None else []
        for segment, uses in self._closed:
            if _has_blocks(segment):
                segment = segment._replace(known_entry_ids=_store(connection, uses))
            segments.append(segment)
        connection.executemany(_SEGMENT, segments)
        self._closed = []

    def _write_blocks(self, connection: Connection) -> None:
        connection.executemany(_PIDS, self._in_blocks(_PID, constants.PID_BITS))
        children = self._in_blocks(_PARENT_ID, constants.PARENT_BITS)
        if children:
            connection.executemany(_CHILDREN, children)

    def _in_blocks(self, column: int, bits: int) -> list[tuple[int, int]]:
        """(value >> bits, block) of the rows to be written, each once."""
        found: list[tuple[int, int]] = []
        values = self._rows[column::_WIDTH]
        for block, part in self._parts(self.first_id, self.next_id):
            kinds = {value >> bits for value in values[part] if value is not None}
            found += [(kind, block) for kind in sorted(kinds)]
        return found

    def _note_uses(self, segment: Segment, uses: Uses) -> None:
        origins, commands = self._rows[_ORIGIN_ID::_WIDTH], self._rows[_COMMAND_ID::_WIDTH]
        for block, part in self._parts(max(segment.first_id, self.first_id), segment.last_id + 1):
            uses.note(block, cast("set[int]", {*origins[part], *commands[part]}))

    def _parts(self, first: int, end: int) -> Iterator[tuple[int, slice]]:
        """The blocks of these rows, and the place of their rows among those to be written."""
        while first < end:
            block = first >> constants.BLOCK_BITS
            until = min(end, (block + 1) << constants.BLOCK_BITS)
            yield block, slice(first - self.first_id, until - self.first_id)
            first = until

    def rollback(self) -> None:
        """The transaction failed: nothing that was added is in the file."""
        self.dictionary.forget()
        self._rows, self._attempts, self._ends, self._closed = [], [], [], []
        self._segment, self._run_id = None, _NO_RUN


def _last(connection: Connection) -> Segment | None:
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        return None
    check_rows(connection, "segment", [row])
    return Segment(*row)


def _complete(connection: Connection) -> None:
    """Closes the last segment if its writer has not: it was killed, or another one wrote after
    it."""
    segment = _last(connection)
    if segment is None or segment.known_entry_ids is not None or not _has_blocks(segment):
        return
    known_ids = _store(connection, uses_in(connection, segment))
    connection.execute(_CLOSE, (known_ids, segment.first_id))


def _has_blocks(segment: Segment) -> bool:
    """Whether there is more than one to choose from, of recorded rows."""
    first_id, last_id = segment.first_id, segment.last_id
    return first_id > 0 and first_id >> constants.BLOCK_BITS < last_id >> constants.BLOCK_BITS


def _store(connection: Connection, uses: Uses) -> str:
    """The value for the segment's `known_entry_ids`."""
    uses.store(connection)
    return json.dumps(uses.known_ids, separators=(",", ":"))


_NO_RUN = 0  # the id of no run: the next row starts a segment
_CLOSE = "UPDATE segment SET known_entry_ids = ? WHERE first_id = ?"
_IMAGES = BulkInsert("image", _COLUMNS)
_ATTEMPT = "UPDATE image SET errno = ?, caller = ? WHERE id = ?"
_END = "UPDATE image SET status = ?, duration_ns = ? WHERE id = ?"
# No id is used twice, even if retention has removed all rows: ids have no gaps.
_LAST_IDS = ("SELECT max(id) FROM image", "SELECT sum(pruned) FROM run")
_NEWEST = "SELECT * FROM segment ORDER BY first_id DESC LIMIT 1"
_SEGMENT = insert_sql("segment", Segment._fields, conflict="REPLACE")
_PIDS = insert_sql("pid_block", ("pids", "block"), conflict="IGNORE")
_CHILDREN = insert_sql("child_block", ("parents", "block"), conflict="IGNORE")
