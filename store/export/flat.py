"""Writes events and what is known of their completeness into an SQLite file for other tools."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from execdb.store.event import Event
from execdb.store.fields import FIELDS, Field
from execdb.store.file.sql import insert_sql
from execdb.store.file.sqlite_errors import database_errors
from execdb.store.file.text import storable
from execdb.store.json_text import json_of
from execdb.store.kinds import Kind
from execdb.store.ledger.coverage import Period
from execdb.store.times import rfc3339

RowsOf = Callable[[str, Sequence[str]], Iterable[Sequence[Any]]]

_INDEXES = ("time_ns", "pid", "parent_id", "uid", "comm", "filename", "ended", "exit_code")
_VIEWS = {
    "runs": (
        "run_id", "host", "boot_id", "started_ns", "ended_ns", "ended", "seen", "stored",
        "filtered", "lost", "kernel", "version", "pruned", "alive_ns",
    ),
    "losses": (
        "run_id", "host", "boot_id", "cause", "from_ns", "from_time", "to_ns", "to_time", "lost",
    ),
}  # fmt: skip
_PERIOD = ("kind", "why", "from_ns", "from_time", "to_ns", "to_time", "run_id", "lost", "complete")


def write_flat(
    file: Path, called: Path, events: Iterable[Event], rows_of: RowsOf, periods: Iterable[Period]
) -> None:
    """Fills an empty file: the table `execs` with the columns of the view, and `runs`, `losses` and
    `coverage`. `rows_of` gives the rows of one of these views with the columns that are named.
    Without a journal: an unfinished file is of no use. Raises DatabaseError, in which the file is
    `called` what it will be."""
    with database_errors(called), closing(sqlite3.connect(file, isolation_level=None)) as flat:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
            flat.execute(f"PRAGMA {pragma}")
        flat.execute("BEGIN")
        _fill(flat, "execs", [_column(field) for field in FIELDS], _rows(events))
        for column in _INDEXES:
            flat.execute(f"CREATE INDEX execs_{column} ON execs ({column})")
        for view, columns in _VIEWS.items():
            _fill(flat, view, columns, rows_of(view, columns))
        _fill(flat, "coverage", _PERIOD, map(_period, periods))
        flat.execute("COMMIT")
        flat.execute("ANALYZE")


def _fill(
    flat: sqlite3.Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    flat.execute(f"CREATE TABLE {table} ({', '.join(columns)})")
    flat.executemany(insert_sql(table, [column.split()[0] for column in columns]), rows)


def _column(field: Field) -> str:
    if field.name == "id":
        return "id INTEGER PRIMARY KEY"
    is_number = field.kind is Kind.BOOL or field.kind.most is not None
    return f"{field.name} {'INTEGER' if is_number else 'TEXT'}"


def _rows(events: Iterable[Event]) -> Iterator[list[Any]]:
    for event in events:
        yield [write(event[place]) for place, write in _COLUMNS]


def _writer(kind: Kind) -> Callable[[Any], Any]:
    """Text that is not UTF-8 becomes a blob, argv a JSON array."""
    if kind is Kind.TIME_TEXT:
        return rfc3339
    if kind is Kind.TEXTS:
        return json_of
    return storable if kind.is_text else lambda value: value


_COLUMNS = [(field.place, _writer(field.kind)) for field in FIELDS]


def _period(period: Period) -> Sequence[Any]:
    begin_ns, end_ns = period.from_ns, period.to_ns
    times = begin_ns, rfc3339(begin_ns), end_ns, rfc3339(end_ns)
    lost = sum(number for _, number in period.lost)
    return period.kind, period.why, *times, period.run_id, lost, period.complete
