"""Reads the intervals of a run's ledger that the central store does not have yet."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any

from execdb.store.central.shipping.state import RunState, Sums
from execdb.store.file.column_types import check_rows

ROWS = 2_000  # of a table in one transaction, at most


@dataclass
class Intervals:
    """The next rows of `loss` or `filtered`, and count and sum of all that the file has. `all` says
    that the store has everything when it has these, `more` that there are certainly others."""

    rows: Sequence[tuple[Any, ...]] = ()
    sums: tuple[int, int] = (0, 0)
    all: bool = True
    more: bool = False


@dataclass
class Ledger:
    """What one transaction ships of the ledger of a run."""

    losses: Intervals = field(default_factory=Intervals)
    filtered: Intervals = field(default_factory=Intervals)
    clock_sets: Sequence[tuple[Any, ...]] = ()

    @property
    def all(self) -> bool:
        return self.losses.all and self.filtered.all and len(self.clock_sets) < ROWS

    @property
    def more(self) -> bool:
        return self.losses.more or self.filtered.more or len(self.clock_sets) == ROWS


def read_ledger(connection: Connection, run_id: int, state: RunState) -> Ledger:
    """Raises DatabaseError."""
    sets = connection.execute(_CLOCK_SETS, (run_id, state.clock_set_id)).fetchall()
    check_rows(connection, "clock_set", sets)
    losses = _intervals(connection, "loss", run_id, state.losses)
    return Ledger(losses, _intervals(connection, "filtered", run_id, state.filtered), sets)


def _intervals(connection: Connection, table: str, run_id: int, known: Sums) -> Intervals:
    sums, rows_after = _INTERVALS[table]
    there = connection.execute(sums, (run_id,)).fetchone()
    if there == known.sums:
        return Intervals((), there)
    rows = connection.execute(rows_after, (run_id, *known.after)).fetchall()
    check_rows(connection, table, rows)
    full = len(rows) == ROWS
    return Intervals(rows, there, all=known.whole and not full, more=full)


_INTERVALS = {
    table: (
        f"SELECT count(*), coalesce(sum({count}), 0) FROM {table} WHERE run_id = ?",
        f"SELECT * FROM {table} WHERE run_id = ? AND (to_ns, number) > (?, ?)"
        f" ORDER BY to_ns, number LIMIT {ROWS}",
    )
    for table, count in (("loss", "lost"), ("filtered", "filtered"))
}
_CLOCK_SETS = f"SELECT * FROM clock_set WHERE run_id = ? AND id > ? ORDER BY id LIMIT {ROWS}"
