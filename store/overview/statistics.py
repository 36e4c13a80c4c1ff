"""Sums over groups of events: how often, how long, how many failed.

SQLite adds up, and lists of each row the bucket of its duration, which Python counts: grouping by
the bucket as well would make it sort far more. A transaction reads a bounded number of rows, so
that a long history does not keep the WAL from being checkpointed. Several CPUs read a long history
side by side.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from operator import index
from sqlite3 import Connection, OperationalError
from typing import Any

from sqlalchemy import ColumnElement, Integer, case, func, literal_column, select, text

from execdb.store.errors import DatabaseError, UsageError
from execdb.store.file.sql import scalar
from execdb.store.overview.percentiles import BUCKETS_PER_DOUBLING, percentile
from execdb.store.overview.portions import portions_of
from execdb.store.overview.self_time import CHILDREN_NS, PARENTS, SUMMED_NS
from execdb.store.overview.side_by_side import readers_of, side_by_side
from execdb.store.reading.conditions import not_well
from execdb.store.reading.filter import Filter
from execdb.store.reading.grouping import Values, columns_of
from execdb.store.reading.history import History
from execdb.store.reading.narrowing import Entries
from execdb.store.reading.selection import (
    Span,
    lists_of,
    parts_of,
)
from execdb.store.reading.statements import Statement, conditions_of
from execdb.store.schema import tables
from execdb.store.terms.names import require_groupable

_image = tables.image
GROUPS_MAX = 100_000
_ROWS = 1 << 13  # of one transaction


@dataclass
class Statistics:
    """Of the events of a group. Times in ns. `total_ns` adds up the durations that are known,
    `children_ns` what their children took of it; `cpu_ns` is None where no event has it."""

    runs: int = 0
    total_ns: int = 0
    children_ns: int = 0
    max_ns: int | None = None
    first_ns: int = 0
    last_ns: int = 0
    cpu_ns: int | None = None
    parts: Counter[str] = field(default_factory=Counter)  # how many rows have each `_PART`

    @property
    def self_ns(self) -> int:
        """`total_ns` without the time that children took."""
        return self.total_ns - self.children_ns

    @property
    def failed(self) -> int:
        return sum(runs for part, runs in self.parts.items() if int(part) % 2)

    def percentiles(self, *shares: float) -> list[int | None]:
        """The durations that these shares of the events with an end do not exceed, within ERROR."""
        buckets: Counter[int] = Counter()
        for part, runs in self.parts.items():
            buckets[int(part) // 2] += runs
        del buckets[NO_BUCKET]
        return [percentile(buckets, share, self.max_ns or 0) for share in shares]

    def add(self, sums: Sequence[Any], parts: Mapping[str, int] | Iterable[str]) -> None:
        """Adds what `_SUMS` gives for some rows of the group, and the part of each of them, or how
        many have each part. Raises TypeError for values that are no whole numbers."""
        runs, total_ns, max_ns, first_ns, last_ns, cpu_ns = sums
        self.first_ns = min(self.first_ns, index(first_ns)) if self.runs else index(first_ns)
        self.last_ns = max(self.last_ns, index(last_ns)) if self.runs else index(last_ns)
        self.runs += runs
        self.parts.update(parts)
        if total_ns is not None:
            self.total_ns += index(total_ns)
            self.max_ns = max(self.max_ns or 0, index(max_ns))
        if cpu_ns is not None:
            self.cpu_ns = (self.cpu_ns or 0) + index(cpu_ns)


Groups = dict[tuple[Any, ...], Statistics]


def statistics(
    history: History,
    wanted: Filter,
    by: Sequence[str],
    watch: Callable[[Sequence[Span]], Iterable[Span]] = iter,
) -> Groups:
    """The statistics of the events that are wanted, by the values of these fields. What is read is
    taken span by span from `watch`, which may say how far it is. Raises UsageError for a field that
    cannot be used, or for more than GROUPS_MAX groups, and DatabaseError."""
    require_groupable(by)
    database, groups = history.database, Groups()
    with database.reading() as connection:
        selection = history.select(connection, wanted)
    rows = sum(span.last_id - span.first_id + 1 for span in selection.spans)
    with readers_of(history, rows) as readers:
        for reader in readers:
            _need_log2(reader.database.connection)
        for span in watch(selection.spans):
            values = Values(by, history.run_of(span.segment))
            with database.reading() as connection:
                entries, stretches = parts_of(connection, selection, span)
            read = partial(_read, selection.wanted, tuple(by), span)
            parts = portions_of(selection, entries, stretches, _ROWS)
            for sums, children in side_by_side(readers, read, parts):
                with database.reading() as connection:
                    values.learn(connection, sums)
                _add_children(_add(groups, values, sums), children)
        history.incomplete |= any(reader.incomplete for reader in readers)
    return groups


_Rows = Sequence[Sequence[Any]]


def _read(
    wanted: Filter,
    by: tuple[str, ...],
    span: Span,
    reader: History,
    portion: tuple[int, int, Entries],
) -> tuple[_Rows, _Rows]:
    """The sums of a portion, and what children took."""
    first, last, entries = portion
    chosen, where = (wanted, frozenset(entries), by), _where(span, entries, first, last)
    with reader.database.reading() as connection:
        reader.check_there(connection, first)
        return (
            _sums(*chosen).rows(connection, **where),
            _children(*chosen).rows(connection, **where),
        )


def _where(span: Span, entries: Entries, first: int, last: int) -> dict[str, Any]:
    """The parameters of the statements."""
    return {
        "first": first,
        "last": last,
        "segment_first": span.segment.first_id,
        "segment_last": span.segment.last_id,
        "offset_ns": span.segment.offset_ns,
        **lists_of(entries),
    }


_Found = dict[tuple[Any, ...], Statistics]  # by the columns of a group


def _add(groups: Groups, values: Values, rows: Sequence[Sequence[Any]]) -> _Found:
    found: _Found = {}
    try:
        for row in rows:
            ids, sums = tuple(row[: -len(_SUMS)]), row[-len(_SUMS) :]
            if not sums[0]:
                continue
            group = found[ids] = groups.setdefault(values.of(ids), Statistics())
            if len(groups) > GROUPS_MAX:
                raise UsageError(
                    f"there are more than {GROUPS_MAX} groups: group by other fields, or "
                    "choose fewer events"
                )
            *sums, parts = sums
            group.add(sums, parts.split(","))
    except (KeyError, TypeError) as error:
        raise _inconsistent() from error
    return found


def _add_children(found: _Found, rows: Sequence[Sequence[Any]]) -> None:
    try:
        for *ids, children_ns in rows:
            found[tuple(ids)].children_ns += index(children_ns or 0)
    except (KeyError, TypeError) as error:
        raise _inconsistent() from error


def _inconsistent() -> DatabaseError:
    return DatabaseError(
        "the database is inconsistent: rows refer to entries that are not there, or a number is "
        "none"
    )


_duration = _image.c.duration_ns
# One number for the bucket of the duration and whether the row failed.
NO_BUCKET = 4_095
_PART: ColumnElement[int] = literal_column(
    f"ifnull(CAST(log2(max(duration_ns, 1)) * {BUCKETS_PER_DOUBLING} AS INT), {NO_BUCKET}) * 2",
    Integer,
) + case((not_well(), 1), else_=0)
_SUMS = (
    func.count(),
    func.sum(_duration),
    func.max(_duration),
    func.min(_image.c.time_ns),
    func.max(_image.c.time_ns),
    func.sum(_image.c.cpu_ns),
    func.group_concat(_PART),
)


@lru_cache
def _sums(wanted: Filter, lists: frozenset[str], by: tuple[str, ...]) -> Statement:
    """For each group: its columns and the sums. Without columns there is one group, even of no
    rows."""
    keys = columns_of(by).values()
    chosen = select(*keys, *_SUMS).where(*conditions_of(wanted, lists))
    return Statement(chosen.group_by(*keys))


@lru_cache
def _children(wanted: Filter, lists: frozenset[str], by: tuple[str, ...]) -> Statement:
    """For each group with children: its columns, and what they took of its time."""
    keys = columns_of(by).values()
    conditions = *conditions_of(wanted, lists), _duration > 0
    if "id" in lists:  # a few rows from anywhere
        chosen = select(*keys, func.sum(text(CHILDREN_NS))).where(*conditions)
    else:
        chosen = select(*keys, func.sum(text(SUMMED_NS))).join_from(
            PARENTS, _image, PARENTS.c.parent_id == _image.c.id
        )
        chosen = chosen.where(*conditions)
    return Statement(chosen.group_by(*keys))


def _need_log2(connection: Connection) -> None:
    """SQLite may have been built without mathematical functions."""
    try:
        scalar(connection, "SELECT log2(1)")
    except OperationalError:
        import math

        connection.create_function("log2", 1, math.log2, deterministic=True)
