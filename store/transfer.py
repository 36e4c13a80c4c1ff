"""Import: events from elsewhere into the database, each once, all of them or none."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from operator import attrgetter
from sqlite3 import Connection
from typing import Any

from execdb.store import layout
from execdb.store.database import Database
from execdb.store.errors import BadEvent
from execdb.store.intern import storable
from execdb.store.ndjson import Boot, Imported, Parser
from execdb.store.rows import Rows
from execdb.store.segments import Segment, lower_bound, segments_of
from execdb.store.sql import scalar
from execdb.store.typed import check_rows

_CHUNK = 10_000  # events looked up and written together
_SPARSE = 64  # rows read for an event that is looked for; beyond, each is looked for alone


def import_lines(database: Database, lines: Iterable[str]) -> tuple[int, int]:
    """Adds the events that are not there yet, all or none; returns (added, already there).

    An event is known by boot_id, time_ns, boot_ns and pid. Raises BadEvent naming the line.
    """
    added = known = 0
    target = _Target()
    rest, parser = iter(lines), Parser()
    with database.writing() as connection:
        target.begin(connection)
        while chunk := _parsed(parser, islice(rest, _CHUNK), added + known):
            fresh = target.add(connection, chunk)
            added += fresh
            known += len(chunk) - fresh
        target.finish(connection)
    return added, known


def _parsed(parser: Parser, lines: Iterable[str], before: int) -> list[Imported]:
    """The events of these lines, which stand behind so many."""
    found: list[Imported] = []
    parse, append = parser.parse, found.append
    try:
        for line in lines:
            append(parse(line))
    except BadEvent as error:
        number = before + len(found) + 1
        raise BadEvent(f"line {number}: {error}; nothing was imported") from error
    return found


_Identity = tuple[int, int, int]  # boot_ns, time_ns, pid: an event of a boot


class _Target:
    """Where imported events go, within one transaction."""

    def __init__(self) -> None:
        self._rows = Rows()
        self._runs: dict[Boot, tuple[int, _Sources]] = {}

    def begin(self, connection: Connection) -> None:
        connection.execute("PRAGMA temp_store = FILE")
        for name, columns in (
            ("imported", "run_id, source_id, id, count, PRIMARY KEY (run_id, source_id)"),
            ("orphan", "run_id, id PRIMARY KEY, source_id"),
        ):
            connection.execute(f"DROP TABLE IF EXISTS temp.{name}")
            connection.execute(f"CREATE TEMP TABLE {name} ({columns}) WITHOUT ROWID")

    def add(self, connection: Connection, chunk: list[Imported]) -> int:
        """Adds what the database does not hold; returns how many that were."""
        added = 0
        for (host, boot_id), items in _by_boot(chunk):
            run_id, sources = self._run(connection, host, boot_id)
            known = _known(connection, boot_id, items)
            self._rows.begin(connection)
            added += self._append(run_id, sources, items, known)
            self._rows.flush(connection)
            sources.flush(connection)
        return added

    def _append(
        self,
        run_id: int,
        sources: "_Sources",
        items: Sequence[Imported],
        known: dict[_Identity, int],
    ) -> int:
        rows = self._rows
        pending = rows.pending
        commands, origins = rows.dictionary.commands, rows.dictionary.origins
        offset_ns, last_ns = rows.tail(run_id)
        number = first = rows.next
        for item in items:
            (_, time_ns, boot_ns, pid, ppid, origin, command, (errno, caller, status),
             duration_ns, id_, parent) = item  # fmt: skip
            there = known.setdefault((boot_ns, time_ns, pid), number)
            if id_ is not None:
                sources.note(id_, there)
            if there != number:
                continue  # the row that is there keeps its parent
            if time_ns - boot_ns != offset_ns or boot_ns < last_ns:
                offset_ns = time_ns - boot_ns
                rows.cut(run_id, offset_ns, boot_ns)
            last_ns = boot_ns
            parent_id = None if parent is None else sources.parent(parent, number)
            pending += (
                number, boot_ns, pid, ppid, origins[origin], commands[command], parent_id,
                status, duration_ns,
            )  # fmt: skip
            if errno is not None or caller is not None:
                rows.calls.append((storable(errno), storable(caller), number))
            number += 1
        return number - first

    def finish(self, connection: Connection) -> None:
        """Parents that stood behind their children; those that were not imported are unknown."""
        connection.execute(_ADOPT)
        connection.execute(_ADOPTED)
        for name in ("imported", "orphan"):
            connection.execute(f"DROP TABLE temp.{name}")

    def _run(self, connection: Connection, host: str, boot_id: str) -> tuple[int, "_Sources"]:
        """The run that stands for everything imported from one boot of one machine."""
        if (host, boot_id) not in self._runs:
            texts = storable(host), storable(boot_id)
            found = scalar(connection, _RUN, texts)
            if found is None:
                found = connection.execute(_NEW_RUN, texts).lastrowid
            self._runs[host, boot_id] = int(found), _Sources(connection, int(found))
        return self._runs[host, boot_id]


def _by_boot(chunk: list[Imported]) -> Iterator[tuple[Boot, list[Imported]]]:
    """The events of each boot of each machine, in order of boot_ns."""
    if len(set(map(_BOOT_OF, chunk))) > 1:
        chunk = sorted(chunk, key=_BOOT_OF)
    for boot, items in groupby(chunk, _BOOT_OF):
        yield boot, sorted(items, key=_BOOT_NS_OF)


_BOOT_OF, _BOOT_NS_OF = attrgetter("boot"), attrgetter("boot_ns")


def _known(connection: Connection, boot_id: str, items: Sequence[Imported]) -> dict[_Identity, int]:
    """The rows that the database holds of these events, which are in order."""
    from_ns, to_ns = items[0].boot_ns, items[-1].boot_ns
    known = {}
    for segment in segments_of(connection, storable(boot_id)):
        apart = segment.last_boot_ns < from_ns or to_ns < segment.first_boot_ns
        if segment.first_id > 0 and not apart:
            for number, boot_ns, pid in _rows(connection, segment, items):
                known[boot_ns, boot_ns + segment.offset_ns, pid] = number
    return known


def _rows(connection: Connection, segment: Segment, items: Sequence[Imported]) -> Iterator[Any]:
    """(id, boot_ns, pid) of the segment's rows at the times of these events, and maybe others'."""
    first = lower_bound(connection, segment, items[0].boot_ns)
    last = lower_bound(connection, segment, items[-1].boot_ns + 1) - 1
    if last - first <= _SPARSE * len(items):
        yield from _between(connection, first, last)
        return
    for boot_ns in {item.boot_ns: None for item in items}:
        first = lower_bound(connection, segment, boot_ns)
        last = lower_bound(connection, segment, boot_ns + 1) - 1
        yield from _between(connection, first, last)


def _between(connection: Connection, first: int, last: int) -> Iterator[tuple[int, int, int]]:
    rows = connection.execute(_ROWS, (first, last)).fetchall()
    check_rows(connection, "image", rows)
    return ((number, boot_ns, pid) for number, boot_ns, pid, *_ in rows)


_ROWS = "SELECT * FROM image WHERE id BETWEEN ? AND ?"


class _Sources:
    """Ids of the file that is read, and the rows that they became: the last ones at hand, all of
    them as ranges in a temporary table."""

    def __init__(self, connection: Connection, run_id: int) -> None:
        self._connection, self._run_id = connection, run_id
        self._recent: dict[int, int] = {}
        self._older: dict[int, int] = {}
        self._ranges: list[list[int]] = []  # source_id, id, count
        self._orphans: list[tuple[int, int, int]] = []

    def note(self, source_id: int, number: int) -> None:
        self._recent[source_id] = number
        if self._ranges:
            first, row, count = self._ranges[-1]
            if source_id - first == number - row == count:
                self._ranges[-1][2] += 1
                return
        self._ranges.append([source_id, number, 1])

    def parent(self, source_id: int, child: int) -> int | None:
        """The row of a parent. One that is not there yet is looked for again at the end."""
        found = self._recent.get(source_id) or self._older.get(source_id)
        if found is None and source_id > 0:
            found = self._look_up(source_id)
            if found is None:
                self._orphans.append((self._run_id, child, source_id))
            else:
                self._recent[source_id] = found
        return found

    def _look_up(self, source_id: int) -> int | None:
        row = self._connection.execute(_SOURCE, (self._run_id, source_id)).fetchone()
        if row is None or source_id - row[0] >= row[2]:
            return None
        return int(row[1]) + source_id - int(row[0])

    def flush(self, connection: Connection) -> None:
        ranges = [(self._run_id, *found) for found in self._ranges]
        if ranges:
            connection.executemany("INSERT OR IGNORE INTO imported VALUES (?, ?, ?, ?)", ranges)
        if self._orphans:
            connection.executemany("INSERT INTO orphan VALUES (?, ?, ?)", self._orphans)
        self._ranges, self._orphans = [], []
        if len(self._recent) > _RECENT:
            self._older, self._recent = self._recent, {}


_RECENT = 50_000
_RUN = "SELECT id FROM run WHERE kind = 'import' AND host = ? AND boot_id = ?"
_NEW_RUN = "INSERT INTO run (kind, host, boot_id) VALUES ('import', ?, ?)"
_SOURCE = (
    "SELECT source_id, id, count FROM imported WHERE run_id = ? AND source_id <= ?"
    " ORDER BY source_id DESC LIMIT 1"
)
_ADOPT = """
UPDATE image SET parent_id = (
    SELECT imported.id + orphan.source_id - imported.source_id FROM imported
    WHERE imported.run_id = orphan.run_id AND imported.source_id <= orphan.source_id
      AND orphan.source_id < imported.source_id + imported.count
    ORDER BY imported.source_id DESC LIMIT 1)
FROM orphan WHERE orphan.id = image.id
"""
_ADOPTED = f"""
INSERT OR IGNORE INTO child_block
SELECT image.parent_id >> {layout.PARENT_BITS}, image.id >> {layout.BLOCK_BITS}
FROM orphan JOIN image ON image.id = orphan.id WHERE image.parent_id IS NOT NULL
"""
