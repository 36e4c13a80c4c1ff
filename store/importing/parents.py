"""Parents of imported events: maps ids of the file to rows of the database."""

from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import cast

from execdb.store.file.sql import scalar
from execdb.store.importing.sources import Line
from execdb.store.segments.segment import BOOT_NS

_RECENT = 20_000  # ids at hand
_NEAR = 64  # ranges of ids that are searched for one parent

Recent = dict[int, tuple[int, int]]  # the row of an id, and its boot_ns


def _one_by_one(numbers: Sequence[int | None]) -> bool:
    first = numbers[0]
    return first is not None and list(numbers) == list(range(first, first + len(numbers)))


class _Forgetful(dict[int, tuple[int, int]]):
    """The recent ids of a source whose ids are meaningless: remembers nothing."""

    def setdefault(self, key: int, default: tuple[int, int]) -> tuple[int, int]:
        return default


class RowsOfIds:
    """The row of each id of the file. Recent ids are kept in memory, all of them as ranges in a
    temporary table. Also the children whose parents have not been found yet."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._recent: dict[int, Recent] = {}  # by source
        self._older: dict[int, Recent] = {}
        self._noted = 0  # since they grew older
        self._mixed: set[int] = set()  # sources in which an id has turned out to be two events
        self._ranges: list[list[int]] = []  # source, id, row, count, run
        self._orphans: list[tuple[int, ...]] = []
        for sql in _TABLES:
            connection.execute(sql)

    def recent(self, source: int) -> Recent:
        """The recent ids of a source, to look up and to add to. Valid until the next `flush`."""
        if source in self._mixed:
            return _Forgetful()
        return self._recent.setdefault(source, {})

    def learn(
        self, source: int, numbers: Sequence[int | None], rows: Iterable[tuple[int, int]]
    ) -> Recent | None:
        """Adds ids with their rows to the recent ones of a source, and returns these; None, and
        nothing is added, if some line has no id while others have, or an id is there twice."""
        recent = self.recent(source)
        if numbers.count(None) == len(numbers):
            return recent
        new = set(numbers)
        if None in new or len(new) < len(numbers) or source in self._mixed:
            return None
        if not recent.keys().isdisjoint(new):
            return None
        recent.update(zip(cast("Sequence[int]", numbers), rows, strict=True))
        return recent

    def mix(self, source: int) -> Recent:
        """Two events of the source have the same id, so its ids are meaningless from now on."""
        self._mixed.add(source)
        self._recent.pop(source, None)
        return _Forgetful()

    def note(self, lines: Sequence[Line], rows: Sequence[int], run_id: int) -> None:
        """Remembers the rows of these lines for when their ids are no longer recent."""
        self._noted += len(lines)
        sources = {line[-1] for line in lines}
        ids = [line[-3] for line in lines]
        if len(sources) == 1 and _one_by_one(ids) and _one_by_one(rows):
            self._range(sources.pop(), ids[0], rows[0], len(ids), run_id)
            return
        for line, row in zip(lines, rows, strict=True):
            if line[-3] is not None:
                self._range(line[-1], line[-3], row, 1, run_id)

    def _range(self, source: int, source_id: int, row: int, size: int, run_id: int) -> None:
        if self._ranges:
            at, first, first_row, before, _ = self._ranges[-1]
            if source == at and source_id - first == row - first_row == before:
                self._ranges[-1][3] += size
                return
        self._ranges.append([source, source_id, row, size, run_id])

    def parent(self, line: Line, child: int, run_id: int) -> int | None:
        """The row of a line's parent that is not among the recent ids. One that is not found is
        looked up again at the end. A row that began after the child is not its parent."""
        boot_ns, source_id, source = line[2], line[-2], line[-1]
        if source in self._mixed:
            found = None
        else:
            found = self._older.get(source, {}).get(source_id) or self._look_up(source, source_id)
        if found is None or found[1] > boot_ns or found[0] == child:
            self.look_later(line, child, run_id)
            return None
        self.recent(source)[source_id] = found
        return found[0]

    def look_later(self, line: Line, child: int, run_id: int) -> None:
        """Remembers a row that may lack its parent. A parent with an id below 0 is a program that
        ran before the collector, which is in no export."""
        _, _, boot_ns, pid, ppid, *_, source_id, source = line
        if source_id is not None and source_id > 0:
            self._orphans.append((child, source, source_id, run_id, boot_ns, pid, ppid))

    def _look_up(self, source: int, source_id: int) -> tuple[int, int] | None:
        """The stored row of an id, and its boot_ns."""
        found = self._connection.execute(_SOURCE, (source, source_id)).fetchone()
        if found is None or source_id - found[0] >= found[2]:
            return None
        row = int(found[1]) + source_id - int(found[0])
        boot_ns = scalar(self._connection, _BOOT_NS, (row,))
        return None if boot_ns is None else (row, boot_ns)

    def flush(self) -> None:
        """Writes what was noted; to be called after the rows were written."""
        if self._ranges:
            self._connection.executemany(_RANGE, self._ranges)
        if self._orphans:
            self._connection.executemany(_ORPHAN, self._orphans)
        self._ranges, self._orphans = [], []
        if self._noted > _RECENT:
            self._older, self._recent, self._noted = self._recent, {}, 0

    def settle(self) -> int:
        """Finds the parents that came after their children, or in another source. Returns the
        number of children whose parent remains unknown."""
        self._connection.execute(_INDEX)
        cursor = self._connection.execute(_ORPHANS)
        while orphans := cursor.fetchmany(_PAGE):
            adopted = [(row, orphan[0]) for orphan in orphans if (row := self._late(*orphan))]
            self._connection.executemany(_ADOPT, adopted)
        unknown = int(scalar(self._connection, _UNKNOWN))
        for table in ("imported", "orphan"):
            self._connection.execute(f"DROP TABLE temp.{table}")
        return unknown

    def _late(self, child: int, source: int, source_id: int, run_id: int, *who: int) -> int | None:
        boot_ns, pid, ppid = who
        found = None if source in self._mixed else self._look_up(source, source_id)
        if found is not None and found[0] != child and found[1] <= boot_ns:
            return found[0]
        likely = self._connection.execute(
            _ELSEWHERE, (run_id, source_id, child, boot_ns, pid, ppid)
        ).fetchall()
        return int(likely[0][0]) if len(likely) == 1 else None


_PAGE = 1_000
_BOOT_NS = f"SELECT {BOOT_NS} FROM image WHERE id = ?"
_TABLES = (
    "DROP TABLE IF EXISTS temp.imported",
    "DROP TABLE IF EXISTS temp.orphan",
    "CREATE TEMP TABLE imported (source, source_id, id, count, run_id,"
    " PRIMARY KEY (source, source_id)) WITHOUT ROWID",
    "CREATE TEMP TABLE orphan (id, source, parent, run_id, boot_ns, pid, ppid,"
    " PRIMARY KEY (id, source, parent)) WITHOUT ROWID",
)
_INDEX = "CREATE INDEX temp.imported_run ON imported (run_id, source_id)"
_RANGE = "INSERT OR IGNORE INTO temp.imported VALUES (?, ?, ?, ?, ?)"
_ORPHAN = "INSERT OR IGNORE INTO temp.orphan VALUES (?, ?, ?, ?, ?, ?, ?)"
_ORPHANS = "SELECT * FROM temp.orphan ORDER BY id"
_UNKNOWN = (
    "SELECT count(DISTINCT orphan.id) FROM temp.orphan AS orphan"
    " JOIN image ON image.id = orphan.id WHERE parent_id IS NULL"
)
_SOURCE = (
    "SELECT source_id, id, count FROM temp.imported WHERE source = ? AND source_id <= ?"
    " ORDER BY source_id DESC LIMIT 1"
)
# A row with that id in any source that began before the child and has its pid or its parent's.
# CROSS JOIN makes SQLite read the tables in this order.
_ELSEWHERE = f"""
SELECT DISTINCT image.id FROM (
    SELECT source_id, id, count FROM temp.imported WHERE run_id = ?1 AND source_id <= ?2
    ORDER BY source_id DESC LIMIT {_NEAR}) AS near
CROSS JOIN image ON image.id = near.id + (?2 - near.source_id)
WHERE ?2 - near.source_id < near.count AND image.id <> ?3 AND {BOOT_NS} <= ?4
  AND image.pid IN (?5, ?6)
"""
_ADOPT = "UPDATE image SET parent_id = ? WHERE id = ? AND parent_id IS NULL"
