"""What a collector adds to a file while it is read: new rows, and the ends of earlier ones."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from sqlite3 import Connection
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.fields import OF_THE_END
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.ordered import PAGE
from execdb.store.reading.selection import Span
from execdb.store.segments.segment import Segment, descendants_of
from execdb.store.terms.term import Term

RUNNING_MAX = 16_384  # events whose ends are waited for


def while_running(wanted: Filter, *terms: Term) -> Filter:
    """What asks for programs that run, and of which this may be wanted once they have ended;
    `terms` must hold besides."""
    of_start = [term for term in wanted.terms if term.field not in OF_THE_END]
    return replace(wanted, terms=(*of_start, *terms), failed=None, running=True)


class Following(History):
    """Each call reads in one short transaction. Rows are numbered in the order in which they are
    committed, and a number is never used twice, whatever was removed in between."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._running: dict[int, None] = {}  # in the order of their starts
        with database.reading() as connection:
            self.last_id = max(0, int(scalar(connection, "SELECT max(id) FROM image") or 0))

    def started(self) -> list[Event]:
        """The next events that a collector recorded after `last_id`, which goes up to the last of
        them. Empty if there are none now. Raises DatabaseError."""
        while True:
            with self.database.reading() as connection:
                found = connection.execute(_SEGMENT_AFTER, (self.last_id,)).fetchall()
                if not found:
                    return []
                segment = self._segment(connection, found)
                within = max(self.last_id + 1, segment.first_id), segment.last_id
                rows = connection.execute(_ROWS, (*within, PAGE)).fetchall()
                events = self._of(connection, segment, rows)
            # Rows that were removed meanwhile leave nothing of their segment to read.
            self.last_id = events[-1].id if events else segment.last_id
            if events:
                return events

    def boot_now(self) -> str | None:
        """The boot of the latest run of a collector: what has no end from before will get none.
        Raises DatabaseError."""
        with self.database.reading() as connection:
            found = scalar(connection, _BOOT)
        return None if found is None else self._reader.cache.text(found)

    def running(self, wanted: Filter, most: int) -> list[Event]:
        """The latest events that are wanted, oldest first; also programs that ran before a
        collector. Raises DatabaseError."""
        with self.database.reading() as connection:
            selection = self.select(connection, wanted, seen=True)
        return list(islice(self._in_order(selection).read(True), most))[::-1]

    def started_by(self, ancestors: Iterable[int]) -> list[int]:
        """The rows that any of these has started, directly or not. Raises DatabaseError."""
        with self.database.reading() as connection:
            return descendants_of(connection, ancestors)

    def wait_for_end(self, event: Event) -> bool:
        """From now on `ended` gives this event once it has ended. Of more than RUNNING_MAX only the
        latest; whether an earlier one had to be given up."""
        self._running[event.id] = None
        if len(self._running) <= RUNNING_MAX:
            return False
        del self._running[next(iter(self._running))]
        return True

    def ended(self) -> list[Event]:
        """Those of the events waited for that have ended, in the order of their ends. Raises
        DatabaseError."""
        if not self._running:
            return []
        events: list[Event] = []
        with self.database.reading() as connection:
            rows = connection.execute(_ENDED, (json.dumps(list(self._running)),)).fetchall()
            for segment, ours in self._by_segment(connection, rows):
                while ours:
                    some = self._of(connection, segment, ours)
                    events += some
                    ours = ours[len(some) :]
        for number in (row[0] for row in rows):
            self._running.pop(number, None)
        return sorted(events, key=lambda event: event.boot_ns + (event.duration_ns or 0))

    def _by_segment(
        self, connection: Connection, rows: Sequence[Any]
    ) -> Iterator[tuple[Segment, Sequence[Any]]]:
        """Rows, in order of ids, by the segment that they are in."""
        while rows:
            found = connection.execute(_SEGMENT_OF, (rows[0][0],)).fetchall()
            if not found:
                raise DatabaseError(f"{self.database.path} is inconsistent: a row is in no segment")
            segment = self._segment(connection, found)
            count = sum(row[0] <= segment.last_id for row in rows) or 1
            yield segment, rows[:count]
            rows = rows[count:]

    def _segment(self, connection: Connection, rows: Sequence[Any]) -> Segment:
        check_rows(connection, "segment", rows)
        segment = Segment(*rows[0])
        if segment.run_id not in self._runs:
            self._read_runs(connection)
            self._boot_id(segment)  # raises if there is no such run
        return segment

    def _of(self, connection: Connection, segment: Segment, rows: Sequence[Any]) -> list[Event]:
        return self._events(connection, Span(segment, segment.first_id, segment.last_id, 0), rows)


# CROSS JOIN: SQLite then takes the tables in this order.
_SEGMENT_AFTER = """
SELECT segment.* FROM segment CROSS JOIN run ON run.id = run_id AND kind = 'collect'
WHERE first_id >= max(1, coalesce((SELECT max(first_id) FROM segment WHERE first_id <= ?1), 1))
AND last_id > ?1 ORDER BY first_id LIMIT 1
"""
_BOOT = "SELECT boot_id FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1"
_SEGMENT_OF = "SELECT * FROM segment WHERE first_id <= ? ORDER BY first_id DESC LIMIT 1"
_ROWS = "SELECT * FROM image WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
_ENDED = (
    "SELECT * FROM image WHERE id IN (SELECT value FROM json_each(?)) AND status IS NOT NULL"
    " ORDER BY id"
)
