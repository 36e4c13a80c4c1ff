"""Reads the part of a file that is shipped next, of limited size, in one short snapshot."""

import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from sqlite3 import Connection

from execdb.store.central.shipping.copying import (
    NO_DAY,
    Copier,
    Line,
    Redact,
    day_of,
    end_text,
    stamp,
)
from execdb.store.central.shipping.ledger import Ledger, read_ledger
from execdb.store.central.shipping.local_run import read_run
from execdb.store.central.shipping.state import RunState
from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.segments.dictionary_cache import DictionaryCache
from execdb.store.segments.run import RunRow
from execdb.store.segments.segment import Segment

ROWS, CHARS = 2_000, 4_000_000  # in one transaction, at most
_ENDS_ASKED = 20_000  # of open rows in one snapshot


@dataclass
class Portion:
    """What one transaction ships of a run, besides its ledger."""

    run: RunRow
    rows: list[Line] = field(default_factory=list)
    seen: list[Line] = field(default_factory=list)  # that ran before the recording
    ends: list[Line] = field(default_factory=list)  # of rows that were shipped without
    left: int = 0  # rows that are not shipped after this
    ledger: Ledger = field(default_factory=Ledger)
    more: bool = False  # there is more to ship at once
    complete: bool = False  # nothing will be added to this run any more

    @property
    def events(self) -> int:
        return len(self.rows)


class Outbox:
    """`boot_id` is that of this machine: rows of its boot wait for `settle_ns`, so that most of
    them have their end."""

    def __init__(
        self, database: Database, boot_id: str, settle_ns: int, redact: Redact | None
    ) -> None:
        self.database = database
        self._boot_id, self._settle_ns = boot_id, settle_ns
        self._cache = DictionaryCache(str(database.path))
        self._copier = Copier(self._cache, redact)

    def next(self, run_id: int, state: RunState) -> Portion:
        """The next rows after those that the central store has. Raises DatabaseError."""
        with self.database.reading() as connection:
            portion = Portion(read_run(connection, run_id))
            now_here = portion.run.boot_id == self._boot_id
            settled_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._settle_ns
            self._read_rows(connection, portion, state, settled_ns if now_here else None)
            if not portion.more:
                self._read_seen(connection, portion, state)
            portion.left = int(scalar(connection, _LEFT, (_last(portion, state), run_id)) or 0)
            asked_all = _read_ends(connection, portion, state)
            portion.ledger = read_ledger(connection, run_id, state)
        over = portion.run.ended is not None and not portion.left and not portion.seen
        over &= asked_all and not (now_here and _is_open(portion, state))
        portion.complete = over and portion.ledger.all
        portion.more |= not asked_all or bool(portion.seen) or portion.ledger.more
        portion.more |= over and not portion.complete
        return portion

    def _read_rows(
        self, connection: Connection, portion: Portion, state: RunState, settled_ns: int | None
    ) -> None:
        chars, after = 0, state.shipped_id
        for segment in _segments(connection, _AFTER, (portion.run.id, after)):
            while len(portion.rows) < ROWS and chars < CHARS:
                asked = ROWS - len(portion.rows)
                span = max(after + 1, segment.first_id), segment.last_id, asked
                lines = self._lines(connection, segment, state.run_id, _ROWS, span)
                settled = _settled(lines, segment, settled_ns)
                portion.rows += settled
                chars += sum(map(len, map(_TEXT, settled)))
                if len(settled) < len(lines):
                    return
                if not lines or lines[-1].id >= segment.last_id:
                    break
                after = lines[-1].id
            if len(portion.rows) >= ROWS or chars >= CHARS:
                portion.more = True
                return

    def _read_seen(self, connection: Connection, portion: Portion, state: RunState) -> None:
        """Their ids go down from -1, so the next are those below."""
        for segment in _segments(connection, _BELOW, (portion.run.id, state.seen_id)):
            last = min(state.seen_id - 1, segment.last_id)
            portion.seen += self._lines(
                connection, segment, state.run_id, _ROWS_DOWN, (segment.first_id, last, ROWS)
            )
            return

    def _lines(
        self, connection: Connection, segment: Segment, run_id: int, sql: str, span: Sequence[int]
    ) -> list[Line]:
        """The rows of a span of ids as lines, as many as fit into memory, but at least one."""
        rows = connection.execute(sql, span).fetchall()
        check_rows(connection, "image", rows)
        learnt = self._cache.learn(connection, rows)
        try:
            return self._copier.lines(run_id, segment, learnt)
        except KeyError:
            raise DatabaseError(
                f"{self.database.path} is inconsistent: a row of segment {segment.first_id} refers "
                "to others that are not there"
            ) from None


_TEXT = attrgetter("text")


def _is_open(portion: Portion, state: RunState) -> bool:
    return bool(state.open) or any(line.open for line in portion.rows)


def _last(portion: Portion, state: RunState) -> int:
    return portion.rows[-1].id if portion.rows else state.shipped_id


def _settled(lines: list[Line], segment: Segment, settled_ns: int | None) -> list[Line]:
    if settled_ns is None or not lines:
        return lines
    latest_ns = settled_ns + segment.offset_ns
    if lines[-1].time_ns <= latest_ns:
        return lines
    return [line for line in lines if line.time_ns <= latest_ns]


def _segments(connection: Connection, sql: str, values: Sequence[int]) -> Iterable[Segment]:
    rows = connection.execute(sql, values).fetchall()
    check_rows(connection, "segment", rows)
    return (Segment(*row) for row in rows)


_AFTER = (
    "SELECT * FROM segment WHERE run_id = ? AND last_id > ? AND first_id > 0"
    f" ORDER BY first_id LIMIT {ROWS}"
)
_BELOW = "SELECT * FROM segment WHERE run_id = ? AND first_id < ? ORDER BY first_id DESC LIMIT 1"
_ROWS = "SELECT * FROM image WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?"
_ROWS_DOWN = "SELECT * FROM image WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?"
_LEFT = (
    "SELECT sum(last_id - max(first_id, ?1 + 1) + 1) FROM segment"
    " WHERE run_id = ?2 AND first_id > 0 AND last_id > ?1"
)


def _read_ends(connection: Connection, portion: Portion, state: RunState) -> bool:
    """Adds the ends of rows that the central store has without an end. Returns whether all of
    these rows were looked at in this round."""
    asked = state.some_open(_ENDS_ASKED)
    rows = connection.execute(_ENDS, (json.dumps(asked), ROWS)).fetchall()
    if not {type(value) for row in rows for value in row} <= {int, type(None)}:
        raise DatabaseError("the database is inconsistent: an end is no number")
    for id_, status, *used in rows:
        time_ns = state.open[id_]
        text = f"{state.run_id}\t{id_}\t{stamp(time_ns)}\t{end_text(status, *used)}\n"
        day = NO_DAY if id_ in state.strays or id_ < 0 else day_of(time_ns)
        portion.ends.append(Line(id_, day, time_ns, False, text))
    return state.looked_at(len(asked) if len(rows) < ROWS else asked.index(rows[-1][0]) + 1)


_ENDS = (
    "SELECT image.id, status, duration_ns, cpu_ns, max_rss_kb FROM json_each(?) AS wanted"
    " CROSS JOIN image ON image.id = wanted.value WHERE status IS NOT NULL LIMIT ?"
)
