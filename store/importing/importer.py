"""Import: events from elsewhere into the database, each once.

The lines are read and checked first, which may take as long as whoever writes them likes. Only then
is the database locked, for as long as it takes to store what is not there yet.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from math import inf
from operator import itemgetter
from sqlite3 import Connection
from time import monotonic
from typing import Any, NamedTuple

from execdb.store.errors import BadEvent, DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.text import storable
from execdb.store.importing.already_stored import Held
from execdb.store.importing.imported import Boot, Imported
from execdb.store.importing.ndjson import Parser
from execdb.store.importing.parents import RowsOfIds
from execdb.store.importing.sources import Line, Sources
from execdb.store.importing.spool import Spool
from execdb.store.segments import image
from execdb.store.segments.writer import SegmentWriter

_CHUNK = 10_000  # events looked up and written together
_CHUNK_CHARS = 4 << 20  # of their lines
_CHUNK_ARGUMENTS = 200_000  # of their commands
_SLICE_S = 0.2
_PATIENCE_MS = 60_000  # for another import; a collector holds the lock for milliseconds


class Tally(NamedTuple):
    """What became of the events of a file."""

    added: int
    known: int  # were there already
    learned: int = 0  # of these, how many got the end that they lacked
    orphans: int = 0  # events, of both, whose parent cannot be told


def import_lines(
    database: Database, lines: Iterable[str], pause: Callable[[], None] | None = None
) -> Tally:
    """Adds the events that are not there yet. Those that are get the end and the parent that they
    lack, if the file knows them.

    An event is known by boot_id, time_ns, boot_ns and pid. All are added or none; with `pause`, for
    a database that is recorded to, a fifth of a second's worth at a time, and `pause` in between
    lets the recorder in. Raises BadEvent naming the line, and then none is added.
    """
    with Spool() as spool:
        events = 0
        for chunk in _parsed(lines):
            spool.add(chunk)
            events += len(chunk)
        if not events:
            return Tally(0, 0)
        database.wait_for_lock(_PATIENCE_MS)
        database.connection.execute("PRAGMA temp_store = FILE")
        return _store(database, iter(spool), pause)


def _store(
    database: Database, chunks: Iterator[list[Line]], pause: Callable[[], None] | None
) -> Tally:
    target, stored = _Target(database.connection), 0
    try:
        while True:
            with database.writing():
                target.begin()
                until_s = inf if pause is None else monotonic() + _SLICE_S
                for chunk in chunks:
                    target.add(chunk)
                    if monotonic() > until_s:
                        break
                else:
                    return target.finish()
            stored = target.added
            assert pause is not None
            pause()
    except DatabaseError as error:
        if not stored:
            raise
        raise type(error)(
            f"{error}; {stored} execs are imported, the same again adds the rest"
        ) from error


def _parsed(lines: Iterable[str]) -> Iterator[list[Line]]:
    """The events of these lines, each with the number of its source, in chunks."""
    parser, sources = Parser(), Sources()
    parse = parser.parse
    chunk: list[Imported] = []
    before = chars = arguments = 0
    for line in lines:
        try:
            item = parse(line)
        except BadEvent as error:
            raise BadEvent(f"line {before + len(chunk) + 1}: {error}") from error
        chunk.append(item)
        chars += len(line)
        arguments += len(item[6].argv)
        if len(chunk) >= _CHUNK or chars > _CHUNK_CHARS or arguments > _CHUNK_ARGUMENTS:
            yield sources.numbered(chunk, before)
            before += len(chunk)
            chunk, chars, arguments = [], 0, 0
    yield sources.numbered(chunk, before)


class _Target:
    """Where imported events go, a chunk at a time. In each transaction `begin` first."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._writer = SegmentWriter()
        self._ids = RowsOfIds(connection)
        self._endless: set[int] = set()  # rows that are there without an end
        self._parentless: set[int] = set()
        self.added = self._known = self._learned = 0

    def begin(self) -> None:
        """Begins a transaction; others may have written since the last one."""
        self._held = Held(self._connection)

    def add(self, chunk: list[Line]) -> None:
        """Adds what the database does not hold."""
        connection, writer = self._connection, self._writer
        writer.begin(connection)
        before = writer.next_id
        there: dict[tuple[str, int], dict[tuple[int, int], int]] = {}
        for (boot, offset_ns), lines in _groups(chunk):
            run_id = self._held.run_of(boot)
            known = there.setdefault((boot[1], offset_ns), {})
            for row in self._held.rows(boot[1], offset_ns, lines):
                known[row[image.TIME_NS], row[image.PID]] = row[image.ID]
                self._note_lacks(row)
            self._append(run_id, offset_ns, lines, known)
        self.added += writer.next_id - before
        self._known += len(chunk) - (writer.next_id - before)
        writer.flush(connection)
        self._held.update(before)
        self._ids.flush()
        self._endless.clear()
        self._parentless.clear()

    def _note_lacks(self, row: Sequence[Any]) -> None:
        """What a row of the database does not know."""
        if row[image.STATUS] is None and row[image.ERRNO] is None:
            self._endless.add(row[image.ID])
        if row[image.PARENT_ID] is None:
            self._parentless.add(row[image.ID])

    def _append(
        self,
        run_id: int,
        offset_ns: int,
        lines: Sequence[Line],
        known: dict[tuple[int, int], int],
    ) -> None:
        writer, ids, add = self._writer, self._ids, self._writer.add
        commands, origins = writer.dictionary.commands, writer.dictionary.origins
        source, recent = 0, ids.recent(0)
        placed = []
        for line in lines:
            (_, time_ns, boot_ns, pid, ppid, origin, command, (errno, caller, status), duration_ns,
             id_, parent, line_source) = line  # fmt: skip
            number = writer.next_id
            row = known.setdefault((time_ns, pid), number)
            placed.append(row)
            if line_source != source:
                source, recent = line_source, ids.recent(line_source)
            if id_ is not None and recent.setdefault(id_, (row, boot_ns))[0] != row:
                recent = ids.mix(source)
            if row != number:
                self._learn(line, row, run_id)
                continue
            parent_id = None
            if parent is not None:
                found = recent.get(parent)
                if found is not None and found[1] <= boot_ns and found[0] != number:
                    parent_id = found[0]
                else:
                    parent_id = ids.parent(line, number, run_id)
            program_id, command_id = commands[command]
            add(
                run_id, offset_ns, time_ns, pid, ppid, origin[0].uid, origins[origin], program_id,
                command_id, parent_id, status, duration_ns,
            )  # fmt: skip
            if errno is not None or caller is not None:
                writer.add_attempt(number, storable(errno), storable(caller))
        ids.note(lines, placed, run_id)

    def _learn(self, line: Line, row: int, run_id: int) -> None:
        """What a line knows more than the row that is there."""
        (errno, _, status), duration_ns = line[7:9]
        writer = self._writer
        if row in self._parentless or row >= writer.first_id:
            self._ids.look_later(line, row, run_id)
        if status is None or errno is not None:
            return
        if row in self._endless or writer.lacks_end(row):
            self._endless.discard(row)
            writer.end(row, status, duration_ns)
            self._learned += 1

    def finish(self) -> Tally:
        """Parents that stood behind their children."""
        orphans = self._ids.settle()
        self._held.drop()
        return Tally(self.added, self._known, self._learned, orphans)


def _groups(chunk: list[Line]) -> Iterator[tuple[tuple[Boot, int], list[Line]]]:
    """The events of each boot of each machine under one setting of its clock, in order of
    boot_ns."""
    settings = set(map(_setting, chunk))
    if len(settings) == 1:  # as a rule
        yield settings.pop(), sorted(chunk, key=_BOOT_NS_OF)
        return
    for setting, lines in groupby(sorted(chunk, key=_setting), _setting):
        yield setting, sorted(lines, key=_BOOT_NS_OF)


def _setting(line: Line) -> tuple[Boot, int]:
    return line[0], line[1] - line[2]


_BOOT_NS_OF = itemgetter(2)
