"""Reads from a file which times it covers."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from operator import index
from typing import Any, NamedTuple

from execdb.store.account import Loss
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.text import readable
from execdb.store.ledger.coverage import Coverage, Interval, Run, Why
from execdb.store.ledger.imported import imported_times
from execdb.store.ledger.trimmed import read_trims

_SILENT_NS = 15_000_000_000  # a collector writes every 5 s that it is alive


def read_coverage(database: Database, now_ns: int, *, recording: bool) -> Coverage:
    """Of the machine that records to this file: the first of `read_coverages`."""
    return read_coverages(database, now_ns, recording=recording)[0]


def read_coverages(database: Database, now_ns: int, *, recording: bool) -> list[Coverage]:
    """Of the machine that records to this file, then of each one whose file was merged into it.
    `recording` says whether a collector records to this file now. `host` is given if there are
    several. Raises DatabaseError."""
    trims = read_trims(database)
    with database.reading() as connection:
        rows = [_Row(*row) for row in connection.execute(_RUNS)]
        clock_sets = connection.execute(_CLOCK_SETS).fetchall()
        losses = connection.execute(_LOSSES).fetchall()
    try:
        known = _Ledger(clock_sets, losses, now_ns, recording)
        return [
            _coverage(known, machine)._replace(trims=() if place else trims)
            for place, machine in enumerate(_machines(rows))
        ]
    except TypeError as error:
        raise DatabaseError(
            f"{database.path} is inconsistent: its ledger has a time or a count that is no number"
        ) from error


class _Machine(NamedTuple):
    """Names of a machine, the latest first, and the rows of its runs. `alone`: no other."""

    hosts: Sequence[str]
    rows: Sequence["_Row"]
    alone: bool


class _Ledger(NamedTuple):
    clock_sets: Sequence[Any]
    losses: Sequence[Any]
    now_ns: int
    recording: bool


def _machines(rows: Sequence["_Row"]) -> list[_Machine]:
    """What was imported belongs to the first one. A file to which nothing was recorded is that of
    the first machine, by name, whose file was merged into it."""
    own = [*dict.fromkeys(_host(row) for row in reversed(rows) if row.kind == "collect")]
    merged = sorted({_host(row) for row in rows if row.kind == "merge"}.difference(own))
    own = own or merged[:1]
    others = [host for host in merged if host not in own]
    first = [row for row in rows if row.kind != "merge" or _host(row) in own]
    alone = not others
    return [
        _Machine(own, first, alone),
        *(_Machine([host], [row for row in rows if _host(row) == host], alone) for host in others),
    ]


def _host(row: "_Row") -> str:
    return str(readable(row.host))


def _coverage(known: _Ledger, machine: _Machine) -> Coverage:
    """Raises TypeError."""
    ids = {row.id for row in machine.rows}
    runs, imported = _runs(machine.rows, known.clock_sets, known.now_ns, known.recording)
    losses = [
        Loss(number, str(readable(cause)), index(from_ns), index(to_ns), index(lost))
        for run_id, number, cause, from_ns, to_ns, lost in known.losses
        if run_id in ids
    ]
    found = Coverage(runs, losses, imported, known.now_ns)
    names = (*machine.hosts, *(_host(row) for row in machine.rows if row.kind == "import"))
    found = found._replace(names=tuple(dict.fromkeys(names)))
    if machine.alone:
        return found
    return found._replace(host=machine.hosts[0], run_ids=frozenset(ids))


class _Row(NamedTuple):
    """A row of _RUNS. Each value may have any type: SQLite does not check."""

    id: Any
    kind: Any
    host: Any
    boot_id: Any
    started_ns: Any
    ended_ns: Any
    ended: Any
    alive_ns: Any
    pruned: Any
    first_ns: Any
    last_ns: Any


def _runs(
    rows: Sequence[_Row], clock_sets: Sequence[Any], now_ns: int, recording: bool
) -> tuple[list[Run], list[Interval]]:
    """The runs of collectors, and the times of imported events. Raises TypeError."""
    sets: defaultdict[Any, list[Interval]] = defaultdict(list)
    for run_id, before_ns, after_ns in clock_sets:
        sets[run_id].append((index(before_ns), index(after_ns)))
    latest = max((row.id for row in rows if row.kind == "collect"), default=None)
    runs: list[Run] = []
    boots: defaultdict[Hashable, list[Interval]] = defaultdict(list)
    imports: list[tuple[Hashable, Interval]] = []
    for row in rows:
        if row.kind != "import" and row.started_ns is not None:
            running = recording and row.id == latest and row.ended is None
            run = _run(row, sets[row.id], now_ns if running else None)
            runs.append(run)
            boots[row.host, row.boot_id].append((run.begin_ns, run.end_ns))
        elif row.first_ns is not None:
            imports.append(((row.host, row.boot_id), (index(row.first_ns), index(row.last_ns))))
    return runs, list(imported_times(imports, boots))


def _run(row: _Row, clock_sets: Sequence[Interval], now_ns: int | None) -> Run:
    """`now_ns` is given for a run that has not ended. Raises TypeError."""
    alive_ns = index(row.started_ns if row.alive_ns is None else row.alive_ns)
    ended_ns = alive_ns if row.ended_ns is None else index(row.ended_ns)
    after = Why.STOPPED if row.ended == "clean" else Why.CRASH
    if now_ns is not None and now_ns - ended_ns > _SILENT_NS:
        after = Why.SILENT
    elif now_ns is not None:
        after, ended_ns = Why.STOPPED, max(ended_ns, now_ns)
    begins = [index(row.started_ns), *(after_ns for _, after_ns in clock_sets)]
    ends = [*(before_ns for before_ns, _ in clock_sets), ended_ns]
    recorded = [(begin, max(begin, end)) for begin, end in zip(begins, ends, strict=True)]
    oldest_ns = None if row.first_ns is None else index(row.first_ns)
    return Run(row.id, recorded, after, index(row.pruned), oldest_ns)


_RUNS = """
SELECT run.id, kind, host, boot_id, started_ns, ended_ns, ended, alive_ns, pruned, first_ns, last_ns
FROM run LEFT JOIN (
    SELECT run_id, min(first_boot_ns + offset_ns) AS first_ns,
           max(last_boot_ns + offset_ns) AS last_ns
    FROM segment WHERE first_id > 0 GROUP BY run_id) AS held ON held.run_id = run.id
ORDER BY run.id
"""
_CLOCK_SETS = "SELECT run_id, before_ns, after_ns FROM clock_set ORDER BY id"
_LOSSES = "SELECT run_id, number, cause, from_ns, to_ns, lost FROM loss"
