"""What a query selects: spans of rows within segments, and what rows must refer to."""

import json
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import pairwise
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any, NamedTuple

from execdb.store.reading.filter import FEW, Filter
from execdb.store.reading.narrowing import Entries, Stretch, counted, stretches_of, with_implied
from execdb.store.segments import image
from execdb.store.segments.blocks import block_of, blocks_of_pids
from execdb.store.segments.segment import Segment, lower_bound
from execdb.store.terms.term import Term

if TYPE_CHECKING:
    from execdb.store.reading.statements import Statement


class Span(NamedTuple):
    """Rows `first_id` to `last_id` of one segment. `boot_ns + shift_ns` orders rows of all boots:
    it is the wall clock as it was set last in that boot."""

    segment: Segment
    first_id: int
    last_id: int
    shift_ns: int

    @property
    def begin_ns(self) -> int:
        return self.segment.first_boot_ns + self.shift_ns

    @property
    def end_ns(self) -> int:
        return self.segment.last_boot_ns + self.shift_ns


class Selection(NamedTuple):
    """What to read: rows of these spans; if there are `ids`, only these rows; if there are
    `entries` of a table of the dictionary, only rows that refer to one of these. Both are in
    order."""

    wanted: Filter
    spans: Sequence[Span]
    ids: Sequence[int] | None
    entries: Mapping[str, Sequence[int]] = {}


def ids_within(connection: Connection, segment: Segment, wanted: Filter) -> tuple[int, int]:
    """The first and the last id of a segment within the time that is wanted."""
    first, last = segment.first_id, segment.last_id
    if wanted.since_ns is not None:
        first = lower_bound(connection, segment, wanted.since_ns - segment.offset_ns)
    if wanted.until_ns is not None:
        last = lower_bound(connection, segment, wanted.until_ns - segment.offset_ns) - 1
    return first, last


def with_pids(connection: Connection, spans: Sequence[Span], pids: Sequence[int]) -> list[Span]:
    """The spans in which one of the pids may occur."""
    blocks = blocks_of_pids(connection, pids)
    return [
        span
        for span in spans
        if blocks is None or between(blocks, block_of(span.first_id), block_of(span.last_id))
    ]


def between(ids: Sequence[int], first: int, last: int) -> Sequence[int]:
    return ids[bisect_left(ids, first) : bisect_right(ids, last)]


def entries_wanted(connection: Connection, wanted: Filter) -> dict[str, Sequence[int]]:
    """The `entries` of a selection. Arguments are not among them: there may be millions, and they
    are read one segment at a time, as far as necessary."""
    if not wanted.about("program", "origin"):
        return {}
    from execdb.store.reading.statements import entries

    return {name: each.column(connection) for name, each in entries(wanted).items()}


def entries_of(connection: Connection, selection: Selection, segment: Segment) -> Entries | None:
    """What rows of the segment must refer to. None if the segment has no such entry, and so no such
    row."""
    first, last = segment.first_entry_id, segment.last_entry_id
    within = {
        _COLUMNS[table]: between(ids, first, last) for table, ids in selection.entries.items()
    }
    if not all(within.values()):
        return None
    asked = with_implied(selection.wanted.about("command"))
    if not asked:
        return within
    range_ = {"first": first, "last": last}
    found = _commands_with(connection, range_, within.get("program_id"), asked)
    if not found:
        return None
    programs = sorted({program_id for _, program_id in found})
    return {**within, "program_id": programs, "command_id": [command for command, _ in found]}


_COLUMNS = {"origin": "origin_id", "program": "program_id"}


def _commands_with(
    connection: Connection,
    range_: dict[str, int],
    programs: Sequence[int] | None,
    asked: tuple[Term, ...],
) -> Sequence[tuple[int, int]]:
    """The ids of the commands for which the terms hold, each with that of its program."""
    from execdb.store.reading.statements import arguments_with, commands_with

    values: dict[str, str] = {"program_id": json.dumps(programs)}
    counts = []
    for number, term in enumerate(asked):
        if term.field != "argv":
            continue
        ids = arguments_with(term).column(connection, **range_)
        if not ids and not term.negated:
            return ()
        counts.append(min(len(ids), FEW + 1))
        values[f"argv_{number}"] = json.dumps(ids)
        values |= {f"argv_{number}_{n}": str(value) for n, value in enumerate(ids[:FEW])}
    query = commands_with(asked, tuple(counts), programs is not None)
    return query.rows(connection, **range_, **values)


def page_of(
    connection: Connection,
    wanted: Filter,
    entries: Entries,
    stretches: deque[Stretch],
    reverse: bool,
    size: int,
) -> list[Any]:
    """Up to `size` rows of these stretches, which are in the order of reading. Removes from
    `stretches` what it has read."""
    query, lists = _rows(wanted, entries, reverse), lists_of(entries)
    found: list[Any] = []
    while stretches and len(found) < size:
        first, last = stretches.popleft()
        missing = size - len(found)
        rows = query.rows(connection, first=first, last=last, size=missing, **lists)
        found += rows
        if len(rows) == missing:
            at = rows[-1][0]
            first, last = (first, at - 1) if reverse else (at + 1, last)
            if first <= last:
                stretches.appendleft((first, last))
    return found


def rows_of(
    connection: Connection, wanted: Filter, entries: Entries, ids: Sequence[int], reverse: bool
) -> Sequence[Any]:
    """The rows with these ids that are wanted."""
    entries = {**entries, "id": ids}
    query = _rows(wanted, entries, reverse)
    return query.rows(connection, size=len(ids), **lists_of(entries))


class _Plain:
    """The statement for rows without conditions. As `Statement`, which takes SQLAlchemy."""

    def __init__(self, order: str) -> None:
        self._sql = (
            f"SELECT {', '.join(image.COLUMNS)} FROM image WHERE id BETWEEN :first AND :last"
            f" ORDER BY id{order} LIMIT :size"
        )

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        return connection.execute(self._sql, values).fetchall()


_FORWARD, _BACKWARD = _Plain(""), _Plain(" DESC")


def _rows(wanted: Filter, entries: Entries, reverse: bool) -> "Statement | _Plain":
    if not wanted.of_rows and not entries:
        return _BACKWARD if reverse else _FORWARD
    from execdb.store.reading.statements import rows

    return rows(wanted, frozenset(entries), reverse)


def parts_of(
    connection: Connection, selection: Selection, span: Span
) -> tuple[Entries, list[Stretch]]:
    """What rows of a span must refer to, and where they are: nowhere in particular if listed."""
    entries = entries_of(connection, selection, span.segment)
    if entries is None:
        return {}, []
    if selection.ids is not None:
        return {**entries, "id": between(selection.ids, span.first_id, span.last_id)}, [(0, 0)]
    return entries, stretches_of(connection, selection.wanted, entries, span.first_id, span.last_id)


def count_of(connection: Connection, selection: Selection, span: Span) -> int:
    """How many of the rows of a span are wanted. Raises DatabaseError."""
    entries, stretches = parts_of(connection, selection, span)
    known = counted(connection, selection.wanted, *span[1:3]) if stretches and not entries else None
    if known is not None:
        return known
    from execdb.store.reading.statements import count

    query, lists = count(selection.wanted, frozenset(entries)), lists_of(entries)
    return sum(
        sum(query.column(connection, first=first, last=last, **lists)) for first, last in stretches
    )


def without_conditions(selection: Selection) -> list[Span] | None:
    """The spans in order of time, if all of their rows are wanted and none overlaps another."""
    wanted, spans = selection.wanted, sorted(selection.spans, key=lambda span: span.begin_ns)
    if selection.ids is not None or selection.entries or wanted.about("command"):
        return None
    if wanted.of_rows or any(one.end_ns >= next_.begin_ns for one, next_ in pairwise(spans)):
        return None
    return spans


def last_rows(spans: Sequence[Span], count: int) -> list[Span]:
    """The last `count` rows of these."""
    found: list[Span] = []
    for span in reversed(spans):
        if count > 0:
            first = max(span.first_id, span.last_id - count + 1)
            found.append(span._replace(first_id=first))
            count -= span.last_id - first + 1
    return found


def lists_of(entries: Entries) -> dict[str, str]:
    """Ids as values of the parameters of a statement: JSON arrays."""
    return {name: json.dumps(ids) for name, ids in entries.items()}
