"""Rows on their way into the file: numbered, grouped into segments, written in bulk.

What a collector and an import have in common. A segment is a stretch of rows whose ids ascend
with boot_ns, of one run, under one setting of the clock. So a row needs no column for its run
or its wall clock, a time is found by halving, without an index, and what a stretch refers to
can go when the stretch goes.
"""

import json
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import Any, cast

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import Inserts, insert_sql, scalar
from execdb.store.schema import constants
from execdb.store.segments.blocks import Uses, uses_in
from execdb.store.segments.dictionary import Dictionary
from execdb.store.segments.segment import Segment

ROWS = 65_536  # of a segment; its last batch may go beyond

# Columns of a pending row and of `segment` by their place.
_COLUMNS = (
    "id", "boot_ns", "pid", "ppid", "origin_id", "command_id", "parent_id", "status", "duration_ns"
)  # fmt: skip
WIDTH = len(_COLUMNS)
_BOOT_NS, _PID, _PARENT_ID, STATUS = map(_COLUMNS.index, ("boot_ns", "pid", "parent_id", "status"))
_ORIGIN_ID, _COMMAND_ID = map(_COLUMNS.index, ("origin_id", "command_id"))
_FIRST, _LAST, _RUN, _OFFSET, _, _LAST_BOOT, _, _LAST_ENTRY, _KNOWN = range(9)
_BEFORE = -(1 << 63)


_Open = list[Any]  # the columns of a `segment`


class Rows:
    """The rows of one writer, from transaction to transaction. In each: `begin`; for each row,
    which gets the id `next`, a `cut` where it does not follow on the one before, its WIDTH values
    behind those in `pending`, and (errno, caller, id) into `calls` where it has any of them;
    `flush`. After a rollback, `forget`."""

    def __init__(self) -> None:
        self.dictionary = Dictionary()
        self.pending: list[int | None] = []
        self.calls: list[tuple[str | bytes | None, str | bytes | None, int]] = []
        self.first = 1  # id of the first pending row
        self._open: _Open | None = None  # the segment that goes on
        self._uses = Uses(1, 0)  # of the segment that goes on
        self._segments: list[tuple[_Open, Uses]] = []  # those that the pending rows belong to
        self._noted: object = None

    def begin(self, connection: Connection, version: object = None) -> None:
        """Goes on where the last transaction stopped; behind what others have written where
        `version` is not that of the last `note`, so that someone may have."""
        alone = version is not None and version == self._noted
        if not alone and not self._as_left(connection):
            self._open = None
        if self._open is None:
            _complete(connection)
            self.dictionary.begin(connection)
            self.first = max(int(scalar(connection, sql) or 0) for sql in _LAST_IDS) + 1
        self._segments = [] if self._open is None else [(self._open, self._uses)]

    def _as_left(self, connection: Connection) -> bool:
        """Whether our segment is still the last one, and whole."""
        last = _last(connection)
        return last is not None and list(last) == self._open

    def note(self, version: object) -> None:
        """A transaction was committed; `begin` will compare with this."""
        self._noted = version

    @property
    def next(self) -> int:
        return self.first + len(self.pending) // WIDTH

    def tail(self, run_id: int) -> tuple[int | None, int]:
        """What a row must have to need no `cut`: this offset of the clock, and at least this
        boot_ns."""
        if self._open is None or self._open[_RUN] != run_id:
            return None, _BEFORE
        last_ns = self._last_boot_ns()
        return self._open[_OFFSET], self._open[_LAST_BOOT] if last_ns is None else last_ns

    def _last_boot_ns(self) -> int | None:
        """Of the last pending row."""
        return self.pending[_BOOT_NS - WIDTH] if self.pending else None

    def cut(self, run_id: int, offset_ns: int, boot_ns: int) -> None:
        """The next row begins a segment."""
        self._close()
        first, entry = self.next, self.dictionary.first_id
        self._open = [first, first, run_id, offset_ns, boot_ns, boot_ns, entry, entry, None]
        self._uses = Uses(first, self.dictionary.last_id)
        self._segments.append((self._open, self._uses))

    def _close(self) -> None:
        """Brings the open segment up to the last row."""
        last_ns = self._last_boot_ns()
        if self._open is not None and last_ns is not None:
            self._open[_LAST] = self.next - 1
            self._open[_LAST_BOOT] = last_ns
            self._open[_LAST_ENTRY] = self.dictionary.last_id

    def flush(self, connection: Connection) -> None:
        if not self.pending:
            return
        self._close()
        self.dictionary.flush(connection)
        self._insert(connection)
        self._note_uses()
        if self._open is not None and (
            self.dictionary.full or self._open[_LAST] - self._open[_FIRST] >= ROWS
        ):
            self._open = None
        for segment, uses in self._segments:
            if segment is not self._open and _has_blocks(segment):
                segment[_KNOWN] = _store(connection, uses)
        segments = [tuple(segment) for segment, _ in self._segments]
        connection.executemany(_SEGMENT, segments)
        connection.executemany(_PIDS, self._blocks(_PID, constants.PID_BITS))
        children = self._blocks(_PARENT_ID, constants.PARENT_BITS)
        if children:
            connection.executemany(_CHILDREN, children)
        self.first = self.next
        self.pending, self.calls = [], []

    def _insert(self, connection: Connection) -> None:
        _IMAGES.run(connection, self.pending)
        if self.calls:
            connection.executemany(_CALL, self.calls)

    def _blocks(self, column: int, bits: int) -> list[tuple[int, int]]:
        """(value >> bits, block) of the pending rows, each once."""
        found: list[tuple[int, int]] = []
        values = self.pending[column::WIDTH]
        for block, part in self._parts(self.first, self.next):
            kinds = {value >> bits for value in values[part] if value is not None}
            found += [(kind, block) for kind in sorted(kinds)]
        return found

    def _note_uses(self) -> None:
        origins, commands = self.pending[_ORIGIN_ID::WIDTH], self.pending[_COMMAND_ID::WIDTH]
        for segment, uses in self._segments:
            for block, part in self._parts(max(segment[_FIRST], self.first), segment[_LAST] + 1):
                uses.note(block, cast("set[int]", {*origins[part], *commands[part]}))

    def _parts(self, first: int, end: int) -> Iterator[tuple[int, slice]]:
        """The blocks of these rows, and where in `pending` their rows are."""
        while first < end:
            block = first >> constants.BLOCK_BITS
            until = min(end, (block + 1) << constants.BLOCK_BITS)
            yield block, slice(first - self.first, until - self.first)
            first = until

    def forget(self) -> None:
        """Nothing of the last transaction is there."""
        self.dictionary.forget()
        self.pending, self.calls = [], []
        self._open = None


def _last(connection: Connection) -> Segment | None:
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        return None
    check_rows(connection, "segment", [row])
    return Segment(*row)


def _complete(connection: Connection) -> None:
    """Closes the last segment, if its writer has not: it was stopped, or ours is the later one."""
    segment = _last(connection)
    if segment is None or segment.known_entry_ids is not None or not _has_blocks(segment):
        return
    known_ids = _store(connection, uses_in(connection, segment))
    connection.execute(_CLOSE, (known_ids, segment.first_id))


def _has_blocks(segment: Sequence[Any]) -> bool:
    """Whether there is more than one to choose from, of recorded rows."""
    first_id, last_id = int(segment[_FIRST]), int(segment[_LAST])
    return first_id > 0 and first_id >> constants.BLOCK_BITS < last_id >> constants.BLOCK_BITS


def _store(connection: Connection, uses: Uses) -> str:
    """The value for the segment's `known_entry_ids`."""
    uses.store(connection)
    return json.dumps(uses.known_ids, separators=(",", ":"))


_CLOSE = "UPDATE segment SET known_entry_ids = ? WHERE first_id = ?"
_IMAGES = Inserts("image", _COLUMNS)
_CALL = "UPDATE image SET errno = ?, caller = ? WHERE id = ?"
# No id is given again, though retention may have taken all rows away: ids have no gaps.
_LAST_IDS = ("SELECT max(id) FROM image", "SELECT sum(pruned) FROM run")
_NEWEST = "SELECT * FROM segment ORDER BY first_id DESC LIMIT 1"
_SEGMENT = insert_sql("segment", Segment._fields, conflict="REPLACE")
_PIDS = insert_sql("pid_block", ("pids", "block"), conflict="IGNORE")
_CHILDREN = insert_sql("child_block", ("parents", "block"), conflict="IGNORE")
