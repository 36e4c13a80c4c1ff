"""Sums over groups of events: how often, how long, how many failed.

SQLite adds up; Python gets one row for each group and bucket of durations. A transaction reads a
bounded number of rows, so that a long history does not keep the WAL from being checkpointed.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from operator import index
from sqlite3 import Connection, OperationalError
from typing import Any

from sqlalchemy import ColumnElement, case, func, literal_column, select, text

from execdb.store.errors import DatabaseError, UsageError
from execdb.store.fields import FIELD_OF
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter, not_well
from execdb.store.reading.grouping import Values, check, columns_of
from execdb.store.reading.history import History
from execdb.store.reading.percentiles import BUCKETS_PER_DOUBLING, percentile
from execdb.store.reading.selection import (
    Entries,
    Selection,
    Span,
    Statement,
    conditions_of,
    lists_of,
    parts_of,
)
from execdb.store.reading.self_time import CHILDREN_NS
from execdb.store.schema import tables

_image = tables.image
GROUPS_MAX = 100_000
_ROWS = 1 << 17  # of one transaction
HAS_CPU = "cpu_ns" in FIELD_OF


@dataclass
class Statistics:
    """Of the events of a group. Times in ns. `total_ns` adds up the durations that are known,
    `children_ns` what their children took of it; `cpu_ns` is None where no event has it."""

    runs: int = 0
    failed: int = 0
    total_ns: int = 0
    children_ns: int = 0
    max_ns: int | None = None
    first_ns: int = 0
    last_ns: int = 0
    cpu_ns: int | None = None
    buckets: Counter[int] = field(default_factory=Counter)

    @property
    def self_ns(self) -> int:
        """`total_ns` without the time that children took."""
        return self.total_ns - self.children_ns

    def percentile(self, share: float) -> int | None:
        """The duration that this share of the events with an end do not exceed, within ERROR."""
        return percentile(self.buckets, share, self.max_ns or 0)

    def add(self, bucket: int | None, sums: Sequence[Any]) -> None:
        """Adds what `_SUMS` gives for a bucket; None: no duration is known. Raises TypeError for
        values that are no whole numbers."""
        runs, failed, total_ns, children_ns, max_ns, first_ns, last_ns, cpu_ns = sums
        self.first_ns = min(self.first_ns, index(first_ns)) if self.runs else index(first_ns)
        self.last_ns = max(self.last_ns, index(last_ns)) if self.runs else index(last_ns)
        self.runs += runs
        self.failed += failed
        if bucket is not None:
            self.buckets[bucket] += runs
            self.total_ns += index(total_ns)
            self.children_ns += index(children_ns or 0)
            self.max_ns = max(self.max_ns or 0, index(max_ns))
        if cpu_ns is not None:
            self.cpu_ns = (self.cpu_ns or 0) + cpu_ns


Groups = dict[tuple[Any, ...], Statistics]


def statistics(history: History, wanted: Filter, by: Sequence[str]) -> Groups:
    """The statistics of the events that are wanted, by the values of these fields. Raises
    UsageError for a field that cannot be used, or for more than GROUPS_MAX groups, and
    DatabaseError."""
    check(by)
    database, groups = history.database, Groups()
    _need_log2(database.connection)
    with database.reading() as connection:
        selection = history.select(connection, wanted)
    for span in selection.spans:
        values = Values(by, history.run_of(span.segment))
        with database.reading() as connection:
            entries, stretches = parts_of(connection, selection, span)
        for first, last, part in _portions(selection, entries, stretches):
            with database.reading() as connection:
                history.check_there(connection, first)
                rows = _read(connection, wanted, span, tuple(by), part, (first, last))
                values.learn(connection, rows)
                _add(groups, values, rows)
    return groups


def _portions(
    selection: Selection, entries: Entries, stretches: Sequence[tuple[int, int]]
) -> Iterator[tuple[int, int, Entries]]:
    """The first and the last id of the rows of each transaction, and what rows must refer to."""
    if selection.ids is not None:
        ids = entries.get("id", ())
        for at in range(0, len(ids), _ROWS):
            some = ids[at : at + _ROWS]
            yield some[0], some[-1], {**entries, "id": some}
        return
    for first, last in stretches:
        for begin in range(first, last + 1, _ROWS):
            yield begin, min(begin + _ROWS - 1, last), entries


def _read(
    connection: Connection,
    wanted: Filter,
    span: Span,
    by: tuple[str, ...],
    entries: Entries,
    range_: tuple[int, int],
) -> list[Any]:
    """The columns of the group, the bucket and the sums."""
    return _statement(wanted, frozenset(entries), by).rows(
        connection,
        first=range_[0],
        last=range_[1],
        segment_first=span.segment.first_id,
        segment_last=span.segment.last_id,
        offset_ns=span.segment.offset_ns,
        **lists_of(entries),
    )


def _add(groups: Groups, values: Values, rows: Sequence[Sequence[Any]]) -> None:
    known: dict[tuple[Any, ...], Statistics] = {}
    width = len(_SUMS) + 1  # with the bucket
    try:
        for row in rows:
            ids = tuple(row[:-width])
            found = known.get(ids)
            if found is None:
                found = known[ids] = groups.setdefault(values.of(ids), Statistics())
                if len(groups) > GROUPS_MAX:
                    raise UsageError(
                        f"there are more than {GROUPS_MAX} groups: group by other fields, or "
                        "choose fewer events"
                    )
            found.add(row[-width], row[1 - width :])
    except (KeyError, TypeError) as error:
        raise DatabaseError(
            "the database is inconsistent: rows refer to entries that are not there, or a number "
            "is none"
        ) from error


_duration = _image.c.duration_ns
_failed = case((not_well(), 1), else_=0)
_children = case((_duration > 0, text(CHILDREN_NS)))
_SUMS = (
    func.count(),
    func.sum(_failed),
    func.sum(_duration),
    func.sum(_children),
    func.max(_duration),
    func.min(_image.c.time_ns),
    func.max(_image.c.time_ns),
    func.sum(_image.c.cpu_ns) if HAS_CPU else literal_column("NULL"),
)
_bucket: ColumnElement[int] = literal_column(
    f"CAST(log2(max(duration_ns, 1)) * {BUCKETS_PER_DOUBLING} AS INT)"
)


@lru_cache
def _statement(wanted: Filter, lists: frozenset[str], by: tuple[str, ...]) -> Statement:
    keys = [*columns_of(by).values(), _bucket]
    chosen = select(*keys, *_SUMS).where(*conditions_of(wanted, lists))
    return Statement(chosen.group_by(*keys))


def _need_log2(connection: Connection) -> None:
    """SQLite may have been built without mathematical functions."""
    try:
        scalar(connection, "SELECT log2(1)")
    except OperationalError:
        import math

        connection.create_function("log2", 1, math.log2, deterministic=True)
