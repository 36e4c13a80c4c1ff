"""Totals of a file: its events, runs, losses and size."""

from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import dicts
from execdb.store.file.text import readable


@dataclass(frozen=True)
class Totals:
    """`runs` are newest first, as dicts with the columns of the `runs` view. `losses` have for each
    cause the number of lost execs, and the times of the first and the last."""

    events: int
    first_ns: int | None
    last_ns: int | None
    size_bytes: int  # of the database and its WAL
    runs: list[dict[str, Any]]
    losses: list[dict[str, Any]]


def read_totals(database: Database) -> Totals:
    """Raises DatabaseError."""
    with database.reading() as connection:
        events, first, last = connection.execute(_TOTALS).fetchone()
        runs = _rows(connection, "run", "WHERE kind = 'collect' ORDER BY id DESC")
        losses = _rows(connection, "loss")
    numbers = [events, *(run["started_ns"] for run in runs)]
    numbers += [value for value in (first, last) if events or value is not None]
    if not set(map(type, numbers)) <= {int}:
        raise DatabaseError("the database is inconsistent: a time is no number")
    files = (database.real, Path(f"{database.real}-wal"))
    size = sum(file.stat().st_size for file in files if file.exists())
    return Totals(events, first, last, size, list(map(_public, runs)), _by_cause(losses))


_TOTALS = """
SELECT coalesce(sum(last_id - first_id + 1), 0), min(first_boot_ns + offset_ns),
       max(last_boot_ns + offset_ns)
FROM segment WHERE first_id > 0
"""


def _rows(connection: Connection, table: str, which: str = "") -> list[dict[str, Any]]:
    cursor = connection.execute(f"SELECT * FROM {table} {which}")
    rows = cursor.fetchall()
    check_rows(connection, table, rows)
    return dicts(cursor, rows)


def _by_cause(losses: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    sums: dict[str, dict[str, Any]] = {}
    for loss in losses:
        cause, from_ns, to_ns = str(readable(loss["cause"])), loss["from_ns"], loss["to_ns"]
        known = sums.setdefault(
            cause, {"cause": cause, "lost": 0, "from_ns": from_ns, "to_ns": to_ns}
        )
        known["lost"] += loss["lost"]
        known["from_ns"] = min(known["from_ns"], from_ns)
        known["to_ns"] = max(known["to_ns"], to_ns)
    return sorted(sums.values(), key=itemgetter("cause"))


def _public(run: dict[str, Any]) -> dict[str, Any]:
    """A run with the columns of the view `runs`."""
    public = {"run_id": run.pop("id"), **run}
    del public["kind"], public["global_id"]
    return {
        key: readable(value) if isinstance(value, bytes) else value for key, value in public.items()
    }
