"""What the central store has of a run: where shipping continues. Nothing of it is kept here."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from execdb.store.segments.run import RunRow

if TYPE_CHECKING:
    from psycopg import Connection

_OPEN_MAX = 200_000  # rows without an end that are remembered: the latest
FORKS_MAX = 100


@dataclass
class Sums:
    """How many intervals of a table (losses, filters) the central store has of a run, and the sum
    of their counts. Those that end after `after` (to_ns and number) are looked at next, in this
    order; where this misses one that is new or has grown, all are, from the first (`whole`)."""

    sums: tuple[int, int] = (0, 0)
    after: tuple[int, int] = (0, 0)
    whole: bool = False

    def next(self, last: tuple[int, int]) -> None:
        """There are more after this one."""
        self.after = last

    def done(self, found: "Sums", wanted: tuple[int, int]) -> bool:
        """All were looked at, the store now has `found`, the file `wanted`. Whether the whole
        table must be looked at, from the first one."""
        again = found.sums != wanted
        missed = again and not self.whole
        self.sums, self.after, self.whole = found.sums, found.after, again
        if again:
            self.after = _BEFORE_ALL
        return missed


_BEFORE_ALL = (-(1 << 63), 0)


@dataclass
class RunState:
    """`open` are the rows without an end, and their times; `strays` those of them that are not in
    the table of their day."""

    run_id: int
    shipped_id: int = 0
    seen_id: int = 0
    shipped: int = 0
    shipped_to_ns: int | None = None
    complete: bool = False
    open: dict[int, int] = field(default_factory=dict)
    strays: set[int] = field(default_factory=set)
    losses: Sums = field(default_factory=Sums)
    filtered: Sums = field(default_factory=Sums)
    clock_set_id: int = 0
    _round: list[int] = field(default_factory=list)

    def some_open(self, most: int) -> list[int]:
        """At most `most` of the open rows that this round has still to look at. A new round, of
        all that are open then, begins when the one before is over."""
        if not self._round:
            self._round = [*reversed(self.open)]
        return self._round[-most:][::-1]

    def looked_at(self, count: int) -> bool:
        """To be called with how many of them were looked at. Whether the round is over."""
        del self._round[len(self._round) - count :]
        return not self._round


def is_of(row: tuple[Any, ...], run: RunRow) -> bool:
    """Whether the store's row with the run's number is this run's."""
    return row[:3] == (run.host, run.boot_id, run.id)


def read_state(connection: "Connection", run_id: int) -> tuple[tuple[Any, ...], RunState] | None:
    """The identity of the run with this number, and what there is of it."""
    row = connection.execute(_RUN, (run_id,)).fetchone()
    if row is None:
        return None
    identity, known = row[:3], row[3:]
    return identity, RunState(run_id, *known)


def read_details(connection: "Connection", state: RunState) -> None:
    """The rest: rows without an end, and the ledger."""
    for table, sql in _OPEN.items():
        for id_, micros, nanos in connection.execute(sql, (state.run_id,)):
            state.open[id_] = micros * 1_000 + nanos
            if table == "exec_stray":
                state.strays.add(id_)
    state.losses = read_sums(connection, "loss", state.run_id)
    state.filtered = read_sums(connection, "filter", state.run_id)
    row = connection.execute(_CLOCK_SET, (state.run_id,)).fetchone()
    state.clock_set_id = row[0] if row else 0


def read_sums(connection: "Connection", table: str, run_id: int) -> Sums:
    """The sums over the intervals of a run that are in a table of the ledger. Raises the driver's
    errors."""
    row = connection.execute(_SUMS[table], (run_id,)).fetchone()
    assert row is not None
    none = not row[0]
    return Sums((int(row[0]), int(row[1])), _BEFORE_ALL if none else (row[2], -1), whole=none)


_RUN = (
    b"SELECT host, boot_id, local_run_id, shipped_id, seen_id, shipped, shipped_to_ns, complete"
    b" FROM execdb.run WHERE run_id = %s"
)
_OPEN = {
    rows: (
        "SELECT e.id, (extract(epoch FROM e.time) * 1000000)::bigint, e.nanos"
        f" FROM execdb.{rows} e WHERE e.run_id = %s AND e.status IS NULL AND e.errno IS NULL"
        f" AND NOT EXISTS (SELECT FROM execdb.{ends} d WHERE d.run_id = e.run_id AND d.id = e.id"
        f" AND d.time = e.time) ORDER BY e.id DESC LIMIT {_OPEN_MAX}"
    ).encode()
    for rows, ends in (("exec", "exec_end"), ("exec_stray", "exec_stray_end"))
}
_SUMS = {
    table: (
        f"SELECT count(*), coalesce(sum({count}), 0), coalesce(max(to_ns), 0)"
        f" FROM execdb.{table} WHERE run_id = %s"
    ).encode()
    for table, count in (("loss", "lost"), ("filter", "filtered"))
}
_CLOCK_SET = b"SELECT coalesce(max(id), 0) FROM execdb.clock_set WHERE run_id = %s"
