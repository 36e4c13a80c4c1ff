"""Writes portions to the central store, each in one transaction with the cursor of its run."""

from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from execdb.store.central.errors import CentralError
from execdb.store.central.shipping.copying import NO_DAY, Line
from execdb.store.central.shipping.ledger import Ledger
from execdb.store.central.shipping.outbox import Portion
from execdb.store.central.shipping.state import RunState, read_sums
from execdb.store.central.tables import layout
from execdb.store.central.text import to_central
from execdb.store.segments.run import RunRow

if TYPE_CHECKING:
    from psycopg import Connection


class OvertakenError(CentralError):
    """Another forwarder has shipped of this run meanwhile, or an older copy of the central store
    is back: nothing was written, and it must be looked at again."""


class Delivery:
    """`group` is the host's group. Knows which days have partitions."""

    def __init__(self, connection: "Connection", group: str | None) -> None:
        self._connection, self._group = connection, group
        self._days: dict[int, bool] = {}  # since 1970: whether there is a partition

    def begin(self, run: RunRow, run_id: int) -> None:
        """Adds the run's row, if it is not there."""
        values = (run_id, *map(_text, (run.host, run.boot_id)), run.id, _text(self._group))
        self._connection.execute(_BEGIN, values)

    def write(self, portion: Portion, state: RunState, now_ns: int) -> None:
        """Raises OvertakenError, and the driver's errors; nothing of the portion is there then."""
        self._make_partitions((*portion.rows, *portion.ends))
        connection = self._connection
        with connection.transaction():
            connection.execute(_LOCK_TIMEOUT)
            updated = connection.execute(_UPDATE, self._ledger(portion, state, now_ns))
            if updated.rowcount != 1:
                raise OvertakenError("the run's cursor in the central store is another one")
            self._copy(_EXEC, (*portion.rows, *portion.seen))
            self._copy(_ENDS, portion.ends)
            _write_intervals(connection, portion.ledger, state.run_id)
        self._note(portion, state)

    def _ledger(self, portion: Portion, state: RunState, now_ns: int) -> dict[str, Any]:
        run, rows, seen = portion.run, portion.rows, portion.seen
        shipped = state.shipped + len(rows)
        values = run._asdict() | {
            "run_id": state.run_id,
            "host_group": self._group,
            "old_id": state.shipped_id,
            "old_seen_id": state.seen_id,
            "shipped_id": rows[-1].id if rows else state.shipped_id,
            "seen_id": min((line.id for line in seen), default=state.seen_id),
            "shipped": shipped,
            "unshipped": max(0, run.stored - shipped - portion.left),
            "shipped_to_ns": rows[-1].time_ns if rows else state.shipped_to_ns,
            "complete": portion.complete,
            "now_ns": now_ns,
        }
        return {name: _text(value) for name, value in values.items()}

    def _make_partitions(self, lines: Iterable[Line]) -> None:
        """In a transaction of its own: what it locks is free again at once."""
        missing = {*map(_DAY, lines)} - self._days.keys() - {NO_DAY}
        if not missing:
            return
        found = self._connection.execute(_MAKE_PARTITIONS, ([*missing],)).fetchall()
        self._days |= dict.fromkeys(missing, False) | {day: True for (day,) in found}

    def _copy(self, statements: tuple[bytes, bytes], lines: Sequence[Line]) -> None:
        """Rows of days without partitions, and of programs that ran before, are strays."""
        for day, some in groupby(lines, _DAY):
            statement = statements[not self._days.get(day, False)]
            texts = map(_TEXT, some)
            with self._connection.cursor().copy(statement) as copy:
                while text := "".join(islice(texts, _LINES)):
                    copy.write(text)

    def _note(self, portion: Portion, state: RunState) -> None:
        """What was committed."""
        if portion.rows:
            state.shipped_id = portion.rows[-1].id
            state.shipped_to_ns = portion.rows[-1].time_ns
            state.shipped += len(portion.rows)
        if portion.seen:
            state.seen_id = min(line.id for line in portion.seen)
        for line in [line for line in (*portion.rows, *portion.seen) if line.open]:
            state.open[line.id] = line.time_ns
            if not self._days.get(line.day, False):
                state.strays.add(line.id)
        for line in portion.ends:
            del state.open[line.id]
            state.strays.discard(line.id)
        state.complete = portion.complete
        self._note_ledger(portion, state)

    def _note_ledger(self, portion: Portion, state: RunState) -> None:
        ledger = portion.ledger
        for table, sent, known in (
            ("loss", ledger.losses, state.losses),
            ("filter", ledger.filtered, state.filtered),
        ):
            if sent.more:
                known.next((sent.rows[-1][_TO_NS[table]], sent.rows[-1][1]))
            elif sent.sums != known.sums:
                found = read_sums(self._connection, table, state.run_id)
                portion.more |= known.done(found, sent.sums)
        if ledger.clock_sets:
            state.clock_set_id = max(row[0] for row in ledger.clock_sets)


def _write_intervals(connection: "Connection", ledger: Ledger, run_id: int) -> None:
    cursor = connection.cursor()
    for sql, rows in ((_LOSS, ledger.losses.rows), (_FILTER, ledger.filtered.rows)):
        if rows:
            cursor.executemany(sql, [(run_id, *map(_text, row[1:])) for row in rows])
    if ledger.clock_sets:
        sets = [(run_id, id_, before, after) for id_, _, before, after in ledger.clock_sets]
        cursor.executemany(_CLOCK_SET, sets)


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "surrogateescape")
    return to_central(value) if isinstance(value, str) else value


_TO_NS = {"loss": 4, "filter": 6}  # its place among the columns
_LINES = 150  # together: larger texts would get memory from the kernel each time
_DAY, _TEXT = attrgetter("day"), attrgetter("text")
_LOCK_TIMEOUT = b"SET LOCAL lock_timeout = '10s'"
_MAKE_PARTITIONS = (
    b"SELECT made - '1970-01-01'::date FROM execdb.make_partitions("
    b"(SELECT array_agg('1970-01-01'::date + day::int) FROM unnest(%s::bigint[]) AS day)) AS made"
)
_BEGIN = (
    b"INSERT INTO execdb.run (run_id, host, boot_id, local_run_id, host_group)"
    b" VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
_SET = (
    *("host_group", "kernel", "version", "started_ns", "ended_ns", "ended", "alive_ns", "seen"),
    *("stored", "filtered", "lost", "pruned", "shipped_id", "seen_id", "shipped", "unshipped"),
    *("shipped_to_ns", "complete"),
)
_UPDATE = (
    f"UPDATE execdb.run SET {', '.join(f'{name} = %({name})s' for name in _SET)},"
    " skew_ns = %(now_ns)s::bigint"
    " - (extract(epoch FROM clock_timestamp()) * 1000000000)::bigint"
    " WHERE run_id = %(run_id)s AND shipped_id = %(old_id)s AND seen_id = %(old_seen_id)s"
).encode()
_COLUMNS = ", ".join(layout.COLUMNS)
_END_COLUMNS = ", ".join((*layout.KEY, *layout.END))
_EXEC = (
    f"COPY execdb.exec ({_COLUMNS}) FROM STDIN".encode(),
    f"COPY execdb.exec_stray ({_COLUMNS}) FROM STDIN".encode(),
)
_ENDS = (
    f"COPY execdb.exec_end ({_END_COLUMNS}) FROM STDIN".encode(),
    f"COPY execdb.exec_stray_end ({_END_COLUMNS}) FROM STDIN".encode(),
)
_LOSS = (
    b"INSERT INTO execdb.loss AS known (run_id, number, cause, from_ns, to_ns, lost)"
    b" VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, number) DO UPDATE"
    b" SET to_ns = excluded.to_ns, lost = excluded.lost WHERE excluded.lost > known.lost"
)
_FILTER = (
    b"INSERT INTO execdb.filter AS known (run_id, number, cause, rule, uid, from_ns, to_ns,"
    b" filtered) VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (run_id, number) DO UPDATE"
    b" SET to_ns = excluded.to_ns, filtered = excluded.filtered"
    b" WHERE excluded.filtered > known.filtered"
)
_CLOCK_SET = b"INSERT INTO execdb.clock_set VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING"
