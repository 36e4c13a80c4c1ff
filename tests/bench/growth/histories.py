"""Histories, and copies of them with more runs."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from execdb.store.account import Counts
from execdb.store.event import Exec
from execdb.store.file.database import open_database
from execdb.store.writing.recording import Machine, Recording
from tests.bench.workloads.fill import Filled, fill
from tests.bench.workloads.synthetic import MONTH_NS, START_NS, month

_MACHINE = Machine(host="bench", boot_id="made-up", kernel="6.1.0")
_RUN_NS = 60 * 10**9


def written(db: Path, events: int) -> Filled:
    """A month of so many events, and what writing it took: beside it, as JSON, if it was there
    already."""
    note = db.with_suffix(".json")
    if not db.exists():
        note.write_text(json.dumps(asdict(fill("month", db, events))))
    return Filled(**json.loads(note.read_text()))


def add_runs(db: Path, runs: int) -> None:
    """So many runs of a minute each after the month, with an exec each."""
    ((execs, _),) = month(1)
    with open_database(db) as database:
        for begun_ns in _begins(runs):
            recording = Recording(database, _MACHINE, "bench", begun_ns)
            counts = Counts(seen=1, stored=1, filtered=0, lost=0)
            recording.write([_later(execs[0], begun_ns)], [], counts)
            recording.finish(begun_ns + _RUN_NS, counts)
        database.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _begins(runs: int) -> Iterator[int]:
    return (START_NS + MONTH_NS + 2 * number * _RUN_NS for number in range(1, runs + 1))


def _later(first: Exec, time_ns: int) -> Exec:
    return first._replace(time_ns=time_ns, boot_ns=first.boot_ns + time_ns - first.time_ns)


def age_after(events: int, number: int) -> str:
    """How old the events of a month of so many events are after the first `number`, as --older-than
    takes it."""
    until_ns = START_NS + MONTH_NS // events * number
    return f"{(time.time_ns() - until_ns) // 10**9}s"
