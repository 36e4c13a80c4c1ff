"""Merges another file into this one: its runs with their rows and ledgers, its marks and the log of
its config. What was merged before is recognised, so a later copy of the file adds what is new."""

from collections.abc import Callable, Iterator
from itertools import groupby
from math import inf
from time import monotonic
from typing import NamedTuple

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.importing.imported import Boot, Merged
from execdb.store.importing.sources import Line
from execdb.store.importing.target import Tally, Target
from execdb.store.merging.notes import copy_notes
from execdb.store.merging.rows import Rows
from execdb.store.merging.runs import copy_ledger, merged_run, own_run, read_runs
from execdb.store.merging.twice import recorded_twice
from execdb.store.segments.run import RunRow

_SLICE_S = 0.2  # of a transaction, if a collector records meanwhile
_PATIENCE_MS = 60_000


class Merge(NamedTuple):
    """What became of another file: `hosts` are those of its runs, `own` the number of its runs
    that this file's own collector made, `twice` of the execs that another collector of the same
    machine recorded as well."""

    tally: Tally
    hosts: tuple[str, ...]
    runs: int
    own: int
    marks: int
    changes: int
    twice: int


class _Part(NamedTuple):
    run: RunRow
    run_id: int | None  # here; None: as an import has it
    seen: bool
    lines: list[Line]


def merge_file(
    database: Database, other: Database, pause: Callable[[], None] | None = None
) -> Merge:
    """Adds what `other` has and `database` does not, in one transaction. If a collector records to
    the database, pass `pause`: there is then a transaction every fifth of a second, all of the
    other file is checked before the first one, and the ledgers come last. Raises DatabaseError;
    then nothing was added, or with `pause` some rows, and it may be tried again."""
    if other.inode == database.inode:
        raise DatabaseError(f"{other.path} is the database itself")
    with other.snapshot():
        runs = read_runs(other)
        if pause is not None:
            for run in runs:
                _check(Rows(other), run)
        database.wait_for_lock(_PATIENCE_MS)
        database.connection.execute("PRAGMA temp_store = FILE")
        return _Merging(database, other, runs).all(pause)


def _check(rows: Rows, run: RunRow) -> None:
    for seen in (True, False):
        for _ in rows.pages(run.id, (run.host, run.boot_id), seen=seen):
            pass


class _Merging:
    def __init__(self, database: Database, other: Database, runs: list[RunRow]) -> None:
        self._database, self._other = database, other
        with database.reading() as connection:
            self._own = {run.id for run in runs if own_run(connection, run)}
        self._runs = [run for run in runs if run.id not in self._own]
        self._ids: dict[int, int] = {}  # of runs here, by their ids there
        self._target = Target(database.connection)

    def all(self, pause: Callable[[], None] | None) -> Merge:
        parts = self._parts()
        while True:
            with self._database.writing() as connection:
                for run in self._runs:
                    if run.recorded and run.id not in self._ids:
                        self._ids[run.id] = merged_run(connection, run)
                self._target.begin()
                until_s = inf if pause is None else monotonic() + _SLICE_S
                for part in parts:
                    self._add(part)
                    if monotonic() > until_s:
                        break
                else:
                    return self._finished()
            assert pause is not None
            pause()

    def _parts(self) -> Iterator[_Part]:
        """Parents before their children: what ran before a run, then what it recorded."""
        rows = Rows(self._other)
        for run in self._runs:
            run_id = self._ids.get(run.id)
            boot: Boot | Merged = (run.host, run.boot_id) if run_id is None else Merged(run_id)
            for seen in (True, False) if run.recorded else (False,):
                for lines in rows.pages(run.id, boot, seen=seen):
                    yield _Part(run, run_id, seen, lines)

    def _add(self, part: _Part) -> None:
        if not part.seen:
            self._target.add(part.lines)
            return
        assert part.run_id is not None
        for offset_ns, lines in groupby(part.lines, _offset_of):
            self._target.add_seen(part.run_id, offset_ns, list(lines))

    def _finished(self) -> Merge:
        tally = self._target.finish()
        with self._other.reading() as source:
            target = self._database.connection
            for run in self._runs:
                if run.recorded:
                    copy_ledger(source, target, run, self._ids[run.id])
            marks, changes = copy_notes(source, target)
        twice = sum(recorded_twice(target, run_id) for run_id in self._ids.values())
        hosts = tuple(sorted({run.host for run in self._runs}))
        recorded = len(self._ids)
        return Merge(tally, hosts, recorded, len(self._own), marks, changes, twice)


def _offset_of(line: Line) -> int:
    return int(line[1] - line[2])
