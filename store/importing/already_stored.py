"""Finds the events of an import that the database has already, within one transaction.

The indexes are temporary tables: a file may name thousands of boots, and a database may have as
many segments.
"""

from collections.abc import Iterator, Sequence
from sqlite3 import Connection, Cursor
from typing import Any

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import scalar
from execdb.store.file.text import storable
from execdb.store.importing.imported import Boot, Merged
from execdb.store.importing.sources import Line
from execdb.store.segments import image
from execdb.store.segments.segment import Segment, lower_bound

_SPARSE = 64  # rows read per event; if there are more, each event is looked up on its own
_PAGE = 1_000  # rows
_RUNS = 1_000  # remembered


class Held:
    """The runs of imports, and the segments of everything that was recorded or imported."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._runs: dict[Boot, int] = {}
        self._open: list[tuple[Any, ...]] = []  # the index entries of the segment that may grow
        for name, columns in _TABLES.items():
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute(f"CREATE TEMP TABLE {name} ({columns}) WITHOUT ROWID")
        connection.execute(_PLACES)
        self._index(1)

    def run_of(self, boot: Boot | Merged) -> int:
        """The id of the run that has everything imported from one boot of one machine."""
        if isinstance(boot, Merged):
            return boot.run_id
        found = self._runs.get(boot)
        if found is None:
            if len(self._runs) >= _RUNS:
                self._runs.clear()
            found = self._runs[boot] = self._run(storable(boot[0]), storable(boot[1]))
        return found

    def _run(self, host: str | bytes, boot_id: str | bytes) -> int:
        found = scalar(self._connection, _RUN, (host, boot_id))
        if found is None:
            found = self._connection.execute(_NEW_RUN, (host, boot_id)).lastrowid
            self._connection.execute(_PLACE, (host, boot_id, found))
        return int(found)

    def rows(self, boot: Boot | Merged, offset_ns: int, lines: Sequence[Line]) -> Iterator[Any]:
        """The rows of `image` of these events, which must be of one boot under one setting of its
        clock, in order of boot_ns. Those of a run that is merged are found in that run alone."""
        key = boot.run_id if isinstance(boot, Merged) else storable(boot[1])
        which = key, offset_ns, lines[0][2], lines[-1][2]
        wanted: set[tuple[int, int]] = set()
        for found in self._candidates(which, lines):
            wanted = wanted or {(line[1], line[3]) for line in lines}
            if (found[image.TIME_NS], found[image.PID]) in wanted:
                yield found

    def _candidates(self, which: tuple[Any, ...], lines: Sequence[Line]) -> Iterator[Any]:
        """Rows at the times of these events. In small segments, of which there may be very many,
        one statement finds them."""
        yield from self._checked(self._connection.execute(_IN_SMALL, which))
        for row in self._connection.execute(_LARGE, which).fetchall():
            yield from self._within(Segment(*row), lines)

    def _within(self, segment: Segment, lines: Sequence[Line]) -> Iterator[Any]:
        """The segment's rows at the times of these events, and perhaps more rows."""
        connection = self._connection
        first = lower_bound(connection, segment, lines[0][2])
        last = lower_bound(connection, segment, lines[-1][2] + 1) - 1
        if last - first <= _SPARSE * len(lines):
            yield from self._between(first, last)
            return
        for boot_ns in {line[2]: None for line in lines}:
            first = lower_bound(connection, segment, boot_ns)
            last = lower_bound(connection, segment, boot_ns + 1) - 1
            yield from self._between(first, last)

    def _between(self, first: int, last: int) -> Iterator[Any]:
        yield from self._checked(self._connection.execute(_ROWS, (first, last)))

    def _checked(self, cursor: Cursor) -> Iterator[Any]:
        while rows := cursor.fetchmany(_PAGE):
            check_rows(self._connection, "image", rows)
            yield from rows

    def update(self, first_id: int) -> None:
        """To be called when rows from `first_id` on were stored."""
        if self._open:
            self._connection.executemany(_GONE, self._open)
            first_id = min(first_id, self._open[0][-1])
        self._index(first_id)

    def drop(self) -> None:
        for name in _TABLES:
            self._connection.execute(f"DROP TABLE temp.{name}")

    def _index(self, first_id: int) -> None:
        cursor = self._connection.execute(_SEGMENTS, (first_id,))
        while rows := cursor.fetchmany(_PAGE):
            check_rows(self._connection, "segment", [row[1:] for row in rows])
            segments = [(boot_id, Segment(*row)) for boot_id, *row in rows]
            for key_of in (_by_boot, _by_run):
                self._connection.executemany(_HELD, map(key_of, segments))
            self._open = [key_of(segments[-1]) for key_of in (_by_boot, _by_run)]


def _by_boot(segment: tuple[Any, Segment]) -> tuple[Any, ...]:
    boot_id, found = segment
    return boot_id, found.offset_ns, found.last_boot_ns, found.first_boot_ns, found.first_id


def _by_run(segment: tuple[Any, Segment]) -> tuple[Any, ...]:
    return segment[1].run_id, *_by_boot(segment)[1:]


_TABLES = {
    "place": "host, boot_id, run_id, PRIMARY KEY (host, boot_id)",
    "held": (
        "boot_id, offset_ns, last_boot_ns, first_boot_ns, first_id,"
        " PRIMARY KEY (boot_id, offset_ns, last_boot_ns, first_boot_ns, first_id)"
    ),
}
_PLACES = (
    "INSERT INTO temp.place SELECT host, boot_id, min(id) FROM run WHERE kind = 'import'"
    " GROUP BY host, boot_id"
)
_RUN = "SELECT run_id FROM temp.place WHERE host = ? AND boot_id = ?"
_NEW_RUN = "INSERT INTO run (kind, host, boot_id) VALUES ('import', ?, ?)"
_PLACE = "INSERT INTO temp.place VALUES (?, ?, ?)"
_SEGMENTS = (
    "SELECT run.boot_id, segment.* FROM segment JOIN run ON run.id = run_id"
    " WHERE first_id >= ? ORDER BY first_id"
)
_HELD = "INSERT OR REPLACE INTO temp.held VALUES (?, ?, ?, ?, ?)"
_GONE = (
    "DELETE FROM temp.held WHERE boot_id = ? AND offset_ns = ? AND last_boot_ns = ?"
    " AND first_boot_ns = ? AND first_id = ?"
)
# CROSS JOIN makes SQLite read the tables in this order.
_OVERLAPPING = (
    "FROM temp.held AS held CROSS JOIN segment ON segment.first_id = held.first_id {}"
    " WHERE held.boot_id = ?1 AND held.offset_ns = ?2"
    " AND held.last_boot_ns >= ?3 AND held.first_boot_ns <= ?4 AND last_id - segment.first_id {}"
)
_SMALL_ROWS = 64
_LARGE = "SELECT segment.* " + _OVERLAPPING.format("", f">= {_SMALL_ROWS}")
_IN_SMALL = "SELECT image.* " + _OVERLAPPING.format(
    "CROSS JOIN image ON image.id BETWEEN segment.first_id AND last_id"
    " AND image.time_ns BETWEEN ?3 + ?2 AND ?4 + ?2",
    f"< {_SMALL_ROWS}",
)
_ROWS = "SELECT * FROM image WHERE id BETWEEN ? AND ?"
