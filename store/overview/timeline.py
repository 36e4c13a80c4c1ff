"""How many events there are in each interval of time, and how many of them failed.

SQLite counts; Python gets one row for each interval and value. A transaction reads a bounded
number of rows.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import pairwise
from sqlite3 import Connection
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select

from execdb.store.errors import DatabaseError, UsageError
from execdb.store.overview.intervals import DAY_NS, edges_of, index_of, round_length_ns
from execdb.store.overview.portions import portions_of
from execdb.store.reading.conditions import not_well
from execdb.store.reading.filter import Filter
from execdb.store.reading.grouping import Values, columns_of
from execdb.store.reading.history import History
from execdb.store.reading.narrowing import Entries
from execdb.store.reading.selection import lists_of, parts_of
from execdb.store.reading.statements import Statement, conditions_of
from execdb.store.terms.names import require_groupable

CELLS_MAX = 200_000  # intervals times values
_QUARTER_NS = 900 * 10**9  # local midnights are whole quarters of an hour apart


@dataclass
class Count:
    """Of events: how many, and how many of them did not do well."""

    execs: int = 0
    failed: int = 0

    def add(self, execs: int, failed: int) -> None:
        self.execs += execs
        self.failed += failed


@dataclass
class Interval:
    """The events from `from_ns` up to `to_ns`; `by` has them by value, if that was asked."""

    from_ns: int
    to_ns: int
    count: Count = field(default_factory=Count)
    by: dict[Any, Count] = field(default_factory=dict)


@dataclass(frozen=True)
class Division:
    """How to divide time: `every_ns` None: so that there are at most `at_most` intervals."""

    every_ns: int | None = None
    at_most: int = 24
    utc: bool = False

    def length_ns(self, since_ns: int, until_ns: int) -> int:
        return self.every_ns or round_length_ns(until_ns - since_ns, self.at_most)


def span_of(history: History, wanted: Filter) -> tuple[int, int] | None:
    """From the first row within the time that is wanted up to the last one, wall clock in ns. Rows
    that do not match count as well. None if there are none."""
    with history.database.reading() as connection:
        spans = history.select(connection, wanted).spans
        edges = [(_time_ns(connection, s.first_id), _time_ns(connection, s.last_id)) for s in spans]
    known = [time_ns for pair in edges for time_ns in pair if time_ns is not None]
    return (min(known), max(known) + 1) if known else None


# Of a row that begins with what tells groups apart: the values of the fields.
ValuesOf = Callable[[Sequence[Any]], tuple[Any, ...]]
# Counts events: rows of a slot, what tells groups apart, execs, failed.
Counter = Callable[[tuple[str, ...], "Slots"], Iterator[tuple[ValuesOf, Iterable[Sequence[Any]]]]]


def timeline(
    history: History,
    wanted: Filter,
    span: tuple[int, int],
    division: Division,
    by: str | None = None,
) -> list[Interval]:
    """The intervals of a span, which must hold all rows that the filter chooses, without gaps. `by`
    is a field by whose values events are counted as well. Raises UsageError and DatabaseError."""
    return divided(partial(_counted, history, wanted), span, division, by)


def divided(
    counter: Counter, span: tuple[int, int], division: Division, by: str | None
) -> list[Interval]:
    """The same, whoever counts."""
    fields = () if by is None else (by,)
    require_groupable(fields)
    since_ns, until_ns = span
    every_ns = division.length_ns(*span)
    edges = edges_of(since_ns, until_ns, every_ns, utc=division.utc)
    intervals = [Interval(*pair) for pair in pairwise(edges)]
    unit_ns = _QUARTER_NS if every_ns % DAY_NS == 0 else every_ns
    slots = Slots(edges, unit_ns)
    cells = 0
    for values_of, rows in counter(fields, slots):
        try:
            for slot, *ids, execs, failed in rows:
                interval = intervals[slots.interval_of(slot)]
                interval.count.add(execs, failed)
                if fields:
                    value = values_of(ids)[0]
                    if value not in interval.by:
                        interval.by[value] = Count()
                        cells += 1
                    interval.by[value].add(execs, failed)
        except (KeyError, TypeError) as error:
            raise DatabaseError(
                "the database is inconsistent: rows refer to entries that are not there"
            ) from error
        if cells > CELLS_MAX:
            raise UsageError(
                f"there are more than {CELLS_MAX} values and intervals: split by another field, "
                "or give a longer --every"
            )
    for interval in intervals:
        interval.by = dict(sorted(interval.by.items(), key=_most_first))
    return intervals


def _most_first(item: tuple[Any, Count]) -> tuple[int, str]:
    return -item[1].execs, str(item[0])


class Slots:
    """The units in which a store counts: parts of intervals, numbered from the first edge that
    would be round."""

    def __init__(self, edges: Sequence[int], unit_ns: int) -> None:
        self._edges, self.unit_ns = list(edges), unit_ns
        second = edges[1] if len(edges) > 2 else edges[0]
        begin_ns = second - (second - edges[0] + unit_ns - 1) // unit_ns * unit_ns
        self.begin_ns = begin_ns // 1_000 * 1_000  # a store may count in microseconds

    def interval_of(self, slot: Any) -> int:
        """Raises DatabaseError for the slot of a time that is not between the edges."""
        if isinstance(slot, int) and slot >= 0:
            time_ns = max(self.begin_ns + slot * self.unit_ns, self._edges[0])
            found = index_of(self._edges, time_ns)
            if found < len(self._edges) - 1:
                return found
        raise DatabaseError("the database is inconsistent: a row is not at the time of its segment")


def _counted(
    history: History, wanted: Filter, fields: tuple[str, ...], slots: Slots
) -> Iterator[tuple[ValuesOf, list[Any]]]:
    """Rows of: slot, the columns of the group, execs, failed."""
    database = history.database
    with database.reading() as connection:
        selection = history.select(connection, wanted)
    for span in selection.spans:
        values = Values(fields, history.run_of(span.segment))
        with database.reading() as connection:
            entries, stretches = parts_of(connection, selection, span)
        for first, last, part in portions_of(selection, entries, stretches):
            with database.reading() as connection:
                history.check_there(connection, first)
                rows = _read(connection, selection.wanted, fields, part, (first, last), slots)
                values.learn(connection, [row[1:] for row in rows])
            yield values.of, rows


def _read(
    connection: Connection,
    wanted: Filter,
    fields: tuple[str, ...],
    entries: Entries,
    range_: tuple[int, int],
    slots: Slots,
) -> list[Any]:
    return _statement(wanted, frozenset(entries), fields).rows(
        connection,
        first=range_[0],
        last=range_[1],
        begin_ns=slots.begin_ns,
        unit_ns=slots.unit_ns,
        **lists_of(entries),
    )


_slot: ColumnElement[int] = literal_column("(time_ns - :begin_ns) / :unit_ns")


@lru_cache
def _statement(wanted: Filter, lists: frozenset[str], by: tuple[str, ...]) -> Statement:
    keys = [_slot.label("slot"), *columns_of(by).values()]
    failed = func.sum(case((not_well(), 1), else_=0))
    chosen = select(*keys, func.count(), failed).where(*conditions_of(wanted, lists))
    return Statement(chosen.group_by(literal_column("slot"), *keys[1:]))


def _time_ns(connection: Connection, number: int) -> int | None:
    """Of a row. Raises DatabaseError."""
    row = connection.execute("SELECT time_ns FROM image WHERE id = ?", (number,)).fetchone()
    if row is not None and not isinstance(row[0], int):
        raise DatabaseError("the database is inconsistent: image.time_ns is not a number")
    return None if row is None else int(row[0])
