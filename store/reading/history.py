"""Reads the history: one filter and one path for query, replay and count.

Events are ordered by boot_ns within a boot, which no setting of the clock disturbs, and boots
by the wall clock.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from sqlite3 import Connection
from typing import Any, TypeVar

from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.ordered import PAGE, Ordered
from execdb.store.reading.replays import has_replays
from execdb.store.reading.selection import (
    Selection,
    Span,
    count_of,
    entries_wanted,
    ids_within,
    last_rows,
    with_pids,
    without_conditions,
)
from execdb.store.segments.reader import JsonRow, RowReader
from execdb.store.segments.segment import (
    Segment,
    children_of,
    descendants_of,
    ids_of_pid,
    running_of,
    segments_of,
)
from execdb.store.segments.sql_functions import argument_regexp, command_line, regexp
from execdb.store.terms.term import Term

T = TypeVar("T")
_Moment = tuple[int, int, int]  # what orders events: shifted boot_ns, time_ns, id


class History:
    """The stored events, as events."""

    def __init__(self, database: Database) -> None:
        self.database = database
        for function, count in ((regexp, 2), (argument_regexp, 2), (command_line, 1)):
            database.connection.create_function(
                function.__name__, count, function, deterministic=True
            )
        self._reader = RowReader(str(database.path))
        self._runs: dict[int, tuple[str, str]] = {}  # boot_id and host
        self.incomplete = False  # events were removed before they were read

    def count(self, wanted: Filter) -> int:
        """How many `events` would give. Raises DatabaseError."""
        with self.database.reading() as connection:
            selection = self.select(connection, wanted)
            return sum(count_of(connection, selection, span) for span in selection.spans)

    def has_run(self, run_id: int) -> bool:
        """Raises DatabaseError."""
        with self.database.reading() as connection:
            self._read_runs(connection)
        return run_id in self._runs

    def events(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> Iterator[Event]:
        """Oldest first, or newest first with `reverse`; the latest `limit` of them (0: all).
        What is recorded meanwhile is not among them. Raises DatabaseError."""
        return self._read(wanted, limit, reverse, self._in_order)

    def json_rows(
        self, wanted: Filter, *, limit: int = 0, reverse: bool = False
    ) -> Iterator[JsonRow]:
        """The same as rows to be written as JSON, in less than half the time."""
        return self._read(wanted, limit, reverse, self._json_in_order)

    def _read(
        self,
        wanted: Filter,
        limit: int,
        reverse: bool,
        ordered: Callable[[Selection], Ordered[T]],
    ) -> Iterator[T]:
        with self.database.reading() as connection:
            selection = self.select(connection, wanted)
        if limit and not reverse:
            if limit <= PAGE:
                latest = islice(ordered(selection).read(True, limit), limit)
                return reversed(list(latest))
            selection = self._latest(selection, limit)
        found = ordered(selection).read(reverse, min(limit or PAGE, PAGE))
        return islice(found, limit) if limit else found

    def rows_with(self, ids: Sequence[int]) -> Iterator[Event]:
        """The events with these ids, which are in order: oldest first, also those that were seen,
        not recorded."""
        with self.database.reading() as connection:
            spans = self._spans(connection, Filter(), seen=True)
        return self._in_order(Selection(Filter(), spans, ids)).read(False)

    def latest_of(self, pid: int) -> int | None:
        """The row of the latest image that ran under this pid."""
        wanted = Filter((Term("pid", (pid,)),))
        with self.database.reading() as connection:
            spans = self._spans(connection, wanted, seen=True)
            ids = ids_of_pid(connection, pid)
        recorded = next(self._in_order(Selection(wanted, spans, ids)).read(True, 1), None)
        # What ran when a run began comes after all of the runs before, whenever its process began.
        before = Selection(wanted, spans, [id_ for id_ in ids[:1] if id_ < 0])
        seen = next(self._in_order(before).read(True), None)
        latest = max((event for event in (recorded, seen) if event), key=_run_of, default=None)
        return None if latest is None else latest.id

    def began_ns(self, wanted: Filter) -> int | None:
        """When the first program began whose descendants are wanted: none of them is older."""
        if not wanted.descendants_of:
            return None
        with self.database.reading() as connection:
            spans = self._spans(connection, Filter(), seen=True)
        selection = Selection(Filter(), spans, sorted({*wanted.descendants_of}))
        return next((event.time_ns for event in self._in_order(selection).read(False, 1)), None)

    def run_of(self, segment: Segment) -> dict[str, Any]:
        """What is the same in all rows of a segment of a selection."""
        boot_id, host = self._runs[segment.run_id]
        return {"run_id": segment.run_id, "boot_id": boot_id, "host": host}

    def select(self, connection: Connection, wanted: Filter, *, seen: bool = False) -> Selection:
        """What to read for this filter; with `seen` also of what was seen. Raises DatabaseError."""
        wanted = self._without_replays(connection, wanted)
        ids = None
        if wanted.descendants_of:
            ids = descendants_of(connection, wanted.descendants_of)
        elif (parents := wanted.numbers("parent_id")) is not None:
            ids = children_of(connection, parents)
        elif wanted.running:
            ids = running_of(connection)
        spans = self._spans(connection, wanted, seen=seen)
        if (pids := wanted.numbers("pid")) is not None:
            spans = with_pids(connection, spans, pids)
        return Selection(wanted, spans, ids, entries_wanted(connection, wanted))

    def _without_replays(self, connection: Connection, wanted: Filter) -> Filter:
        """Leaves out what live replays started, unless that is asked for."""
        if wanted.replays:
            return wanted
        return replace(wanted, without_replays=has_replays(connection))

    def _spans(self, connection: Connection, wanted: Filter, *, seen: bool = False) -> list[Span]:
        """The rows within the time that is wanted; with `seen` also programs that were seen, not
        recorded."""
        self._read_runs(connection)
        segments = segments_of(connection)
        shifts: dict[str, tuple[int, int]] = {}  # of a boot: when last, and the clock's offset
        for segment in segments:
            boot_id = self._boot_id(segment)
            latest = (segment.last_boot_ns, segment.offset_ns)
            shifts[boot_id] = max(shifts.get(boot_id, latest), latest)
        of_runs = wanted.of_runs
        spans = []
        for segment in segments:
            run = {"run_id": segment.run_id, "boot_id": self._boot_id(segment)}
            if not of_runs(run | {"host": self._runs[segment.run_id][1]}):
                continue
            first, last = ids_within(connection, segment, wanted)
            if first <= last and (seen or first > 0):
                spans.append(Span(segment, first, last, shifts[self._boot_id(segment)][1]))
        return spans

    def _read_runs(self, connection: Connection) -> None:
        text = self._reader.cache.text
        runs = connection.execute("SELECT id, boot_id, host FROM run").fetchall()
        self._runs = {number: (text(boot), text(host)) for number, boot, host in runs}

    def _boot_id(self, segment: Segment) -> str:
        if segment.run_id not in self._runs:
            raise DatabaseError(
                f"{self.database.path} is inconsistent: segment {segment.first_id} refers to others"
                " that are not there"
            )
        return self._runs[segment.run_id][0]

    def _latest(self, selection: Selection, limit: int) -> Selection:
        """The selection reduced to the latest `limit` events: of each span the last ones."""
        if (whole := without_conditions(selection)) is not None:
            return selection._replace(spans=last_rows(whole, limit))

        def moments(connection: Connection, span: Span, rows: Sequence[Any]) -> list[_Moment]:
            check_rows(connection, "image", rows)
            shift_ns, offset_ns = span.shift_ns, span.segment.offset_ns
            return [(row[1] - offset_ns + shift_ns, row[1], row[0]) for row in rows]

        spans = sorted(selection.spans, key=lambda span: span.first_id)
        starts = [span.first_id for span in spans]
        lowest: dict[int, int] = {}
        ordered = Ordered(self.database, selection, moments, tuple, self._note_gone)
        for _, _, number in islice(ordered.read(reverse=True), limit):
            lowest[bisect_right(starts, number) - 1] = number
        return selection._replace(
            spans=[spans[at]._replace(first_id=first) for at, first in lowest.items()]
        )

    def _in_order(self, selection: Selection) -> Ordered[Event]:
        shift_ns = {self._boot_id(span.segment): span.shift_ns for span in selection.spans}

        def moment(event: Event) -> _Moment:
            return event.boot_ns + shift_ns[event.boot_id], event.time_ns, event.id

        return Ordered(self.database, selection, self._events, moment, self._note_gone)

    def _json_in_order(self, selection: Selection) -> Ordered[JsonRow]:
        moment = itemgetter(slice(3))
        return Ordered(self.database, selection, self._json_rows, moment, self._note_gone)

    def check_there(self, connection: Connection, lowest: int) -> None:
        """Notes that rows are gone if this one is, the lowest of those that are about to be read:
        the oldest are removed first."""
        if scalar(connection, "SELECT 1 FROM image WHERE id = ?", (lowest,)) is None:
            self._note_gone()

    def _note_gone(self) -> None:
        self.incomplete = True

    def _events(self, connection: Connection, span: Span, rows: Sequence[Any]) -> list[Event]:
        """Events of these rows; only of the first ones if they refer to very much."""
        segment = span.segment
        return self._reader.events(connection, segment, self._runs[segment.run_id], rows)

    def _json_rows(self, connection: Connection, span: Span, rows: Sequence[Any]) -> list[JsonRow]:
        """The same as JSON needs them."""
        segment, boot = span.segment, self._runs[span.segment.run_id]
        return self._reader.json_rows(connection, segment, boot, span.shift_ns, rows)


def _run_of(event: Event) -> int:
    return event.run_id
