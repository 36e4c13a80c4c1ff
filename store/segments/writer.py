"""Writing rows of `image`: numbered, grouped into segments, inserted in bulk.

A collector and an import both write through this. A segment is a run of rows whose ids ascend
with boot_ns, recorded by one run under one setting of the clock. So a row needs no column for its
run or its boot_ns, a time is found by binary search, and the dictionary entries of a segment can be
removed when the segment is.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from sqlite3 import Connection
from typing import Any, cast

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import BulkInsert, insert_sql, scalar
from execdb.store.segments import image
from execdb.store.segments.blocks import UNENDED, Columns, add_ends, add_refused, add_rows
from execdb.store.segments.dictionary import Dictionary
from execdb.store.segments.segment import Segment

ROWS = 65_536  # of a segment; the last batch may exceed it

# Those of an attempt are rare: they are put there afterwards.
_COLUMNS = (*image.COLUMNS[: image.ERRNO], "cpu_ns", "max_rss_kb", "ns_pid")
_WIDTH = len(_COLUMNS)
_NS_PID = _COLUMNS.index("ns_pid")
_IN_BLOCKS = tuple(
    map(
        _COLUMNS.index,
        (
            *("pid", "ppid", "origin_id", "program_id", "status"),
            *("duration_ns", "cpu_ns", "max_rss_kb"),
        ),
    )
)
_Ending = tuple[int | None, int | None, int | None, int | None]
_NO_END: _Ending = (None, None, None, None)
_NO_RUN = 0  # the id of no run: the next row starts a segment


class SegmentWriter:
    """Appends rows for one writer. In each transaction: `begin`, `add` or `extend` for the rows,
    `flush` before the commit; `rollback` if the transaction failed."""

    def __init__(self) -> None:
        self.dictionary = Dictionary()
        self.first_id = self.next_id = 1  # of the rows that are not flushed yet; of the next row
        self._rows: list[int | None] = []  # the columns of these rows, one row after the other
        self._endings: list[_Ending] = []  # of these rows; they get to their columns in `flush`
        self._attempts: list[tuple[str | bytes | None, str | bytes | None, int]] = []
        self._ends: list[tuple[int | None, ...]] = []
        self._segment: Segment | None = None  # the one that the next row may continue
        self._closed: list[Segment] = []  # those before it that had rows since the last flush
        self._run_id, self._offset_ns, self._last_ns = _NO_RUN, 0, 0  # of the last row

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
        self._segment, self._run_id = None, _NO_RUN
        self.dictionary.begin(connection)
        self.first_id = self.next_id = first_id

    def add(
        self,
        run_id: int,
        offset_ns: int,
        time_ns: int,
        pid: int,
        ppid: int,
        uid: int,
        origin_id: int,
        program_id: int,
        command_id: int,
        parent_id: int | None,
        status: int | None = None,
        duration_ns: int | None = None,
        cpu_ns: int | None = None,
        max_rss_kb: int | None = None,
        ns_pid: int | None = None,
    ) -> int:
        """Adds a row and returns its id. `offset_ns` is `time_ns` less its boot_ns; `ns_pid` is
        None where it equals `pid`."""
        if time_ns < self._last_ns or offset_ns != self._offset_ns or run_id != self._run_id:
            self._start_segment(run_id, offset_ns, time_ns - offset_ns)
        self._last_ns = time_ns
        number = self.next_id
        self._rows += (
            number, time_ns, pid, ppid, uid, origin_id, program_id, command_id, parent_id, None,
            None, None, None, ns_pid,
        )  # fmt: skip
        self._endings.append((status, duration_ns, cpu_ns, max_rss_kb))
        self.next_id = number + 1
        return number

    def extend(
        self,
        run_id: int,
        offset_ns: int,
        columns: Sequence[Sequence[int | None]],
        ns_pids: Sequence[int | None],
        ends: Iterable[_Ending] | None = None,
    ) -> None:
        """Adds at least one row. The columns are those of `image` from time_ns to parent_id; the
        times ascend and are boot_ns + `offset_ns`. `ends` are those of the rows, if any has one."""
        times = cast("Sequence[int]", columns[0])
        if times[0] < self._last_ns or offset_ns != self._offset_ns or run_id != self._run_id:
            self._start_segment(run_id, offset_ns, times[0] - offset_ns)
        self._last_ns = times[-1]
        first, count = self.next_id, len(times)
        rows: list[int | None] = [None] * (count * _WIDTH)
        rows[image.ID :: _WIDTH] = range(first, first + count)
        for place, column in enumerate(columns, image.TIME_NS):
            rows[place::_WIDTH] = column
        if ns_pids.count(None) < count:
            rows[_NS_PID::_WIDTH] = ns_pids
        self._rows += rows
        self._endings += repeat(_NO_END, count) if ends is None else ends
        self.next_id = first + count

    def add_attempt(
        self, number: int, errno: str | bytes | None, caller: str | bytes | None
    ) -> None:
        """What the row just added has as an attempt: why it failed, and who called."""
        self._attempts.append((errno, caller, number))

    def end(
        self,
        number: int,
        status: int | None,
        duration_ns: int | None,
        cpu_ns: int | None,
        max_rss_kb: int | None,
    ) -> None:
        """Stores how the image of a row ended, unless that is known. The row may be of any
        transaction."""
        self.end_rows([number], [(status, duration_ns, cpu_ns, max_rss_kb)])

    def end_rows(self, numbers: Sequence[int], ends: Iterable[_Ending]) -> None:
        """The same for many rows: status, duration_ns, cpu_ns, max_rss_kb. A number of 0 is of no
        row."""
        endings, first = self._endings, self.first_id
        for number, end in zip(numbers, ends, strict=True):
            if number >= first:
                endings[number - first] = end
            elif number:
                self._ends.append((*end, number))

    def lacks_end(self, number: int) -> bool:
        """Whether it is a row added since the last flush that has no end yet."""
        if not self.first_id <= number < self.next_id:
            return False
        return self._endings[number - self.first_id][0] is None

    def _start_segment(self, run_id: int, offset_ns: int, boot_ns: int) -> None:
        self._close_segment()
        first, entry = self.next_id, self.dictionary.first_id
        self._segment = Segment(first, first, run_id, offset_ns, boot_ns, boot_ns, entry, entry)
        self._run_id, self._offset_ns = run_id, offset_ns

    def _close_segment(self) -> None:
        if self._segment is not None:
            self._closed.append(self._up_to_now(self._segment))
        self._segment, self._run_id = None, _NO_RUN

    def _up_to_now(self, segment: Segment) -> Segment:
        """The segment with all rows that were added."""
        return segment._replace(
            last_id=self.next_id - 1,
            last_boot_ns=self._last_ns - segment.offset_ns,
            last_entry_id=self.dictionary.last_id,
        )

    def flush(self, connection: Connection) -> None:
        """Writes everything that was added. Raises DatabaseError."""
        if self._segment is not None and self._rows:
            self._segment = self._up_to_now(self._segment)
            self.dictionary.flush(connection)
            for place, column in enumerate(zip(*self._endings, strict=True), image.STATUS):
                self._rows[place::_WIDTH] = column
            add_rows(connection, self.first_id, self._columns())
            self._store_rows(connection)
            connection.executemany(_SEGMENT, [*self._closed, self._segment])
            if self._attempts:
                connection.executemany(_ATTEMPT, self._attempts)
                refused = (row_id for errno, _, row_id in self._attempts if errno is not None)
                add_refused(connection, refused)
            if self.dictionary.full or self.next_id - self._segment.first_id > ROWS:
                self._segment, self._run_id = None, _NO_RUN
            self.first_id = self.next_id
            self._rows, self._endings, self._attempts, self._closed = [], [], [], []
        if self._ends:
            add_ends(connection, self._ends)
            connection.executemany(_END, self._ends)
            self._ends = []

    def _store_rows(self, connection: Connection) -> None:
        rows = self._rows
        if len(rows) > _WIDTH * rows[_NS_PID::_WIDTH].count(None):
            _IMAGES.run(connection, rows)
        else:  # as in most: a column less to bind
            del rows[_NS_PID::_WIDTH]
            _IMAGES_WITHOUT_NS_PID.run(connection, rows)

    def _columns(self) -> Columns:
        """What blocks tell of the rows to be written."""
        rows: list[Any] = self._rows
        columns = Columns(*(rows[place::_WIDTH] for place in _IN_BLOCKS))
        for errno, _, number in self._attempts:
            if errno is not None:  # counts as refused, however an import says that it ended
                columns.statuses[number - self.first_id] = None
        return columns

    def rollback(self) -> None:
        """The transaction failed: nothing that was added is in the file."""
        self.dictionary.forget()
        self._rows, self._endings, self._attempts = [], [], []
        self._ends, self._closed = [], []
        self._segment, self._run_id = None, _NO_RUN


def _last(connection: Connection) -> Segment | None:
    row = connection.execute(_NEWEST).fetchone()
    if row is None:
        return None
    check_rows(connection, "segment", [row])
    return Segment(*row)


_IMAGES = BulkInsert("image", _COLUMNS)
_IMAGES_WITHOUT_NS_PID = BulkInsert("image", _COLUMNS[:_NS_PID])
_ATTEMPT = "UPDATE image SET errno = ?, caller = ? WHERE id = ?"
_END = (
    "UPDATE image SET status = ?, duration_ns = ?, cpu_ns = ?, max_rss_kb = ?"
    f" WHERE id = ? AND {UNENDED}"
)
# No id is used twice, even if retention has removed all rows: ids have no gaps.
_LAST_IDS = ("SELECT max(id) FROM image", "SELECT sum(pruned) FROM run")
_NEWEST = "SELECT * FROM segment ORDER BY first_id DESC LIMIT 1"
_SEGMENT = insert_sql("segment", Segment._fields, conflict="REPLACE")
