"""What a question selects: spans of rows within segments, and what rows must refer to."""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, func, select

from execdb.store import schema
from execdb.store.filter import Filter, commands, one_of
from execdb.store.segments import Segment, lower_bound

_image = schema.image


class Span(NamedTuple):
    """Rows `first_id` to `last_id` of one segment. `shift_ns` added to boot_ns gives a time
    that orders across boots: the wall clock as it was set last in that boot."""

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
    """What to read: which rows of which spans. `ids` are the only candidates; `entries` of the
    dictionary, by table, the only ones that they may refer to; both in order."""

    wanted: Filter
    spans: Sequence[Span]
    ids: Sequence[int] | None
    entries: Mapping[Table, Sequence[int]] = {}


def ids_within(connection: Connection, segment: Segment, wanted: Filter) -> tuple[int, int]:
    """The first and the last id of a segment in the time that is wanted."""
    first, last = segment.first_id, segment.last_id
    if wanted.since_ns is not None:
        first = lower_bound(connection, segment, wanted.since_ns - segment.offset_ns)
    if wanted.until_ns is not None:
        last = lower_bound(connection, segment, wanted.until_ns - segment.offset_ns) - 1
    return first, last


def between(ids: Sequence[int], first: int, last: int) -> Sequence[int]:
    return ids[bisect_left(ids, first) : bisect_right(ids, last)]


def entries_of(
    connection: Connection, selection: Selection, segment: Segment
) -> dict[ColumnElement[int], str] | None:
    """What rows of the segment must refer to: columns, each with ids as JSON. None if there are
    none, and so no such row."""
    first, last = segment.first_entry_id, segment.last_entry_id
    within = {table: between(ids, first, last) for table, ids in selection.entries.items()}
    if not all(within.values()):
        return None
    lists = {table: json.dumps(ids) for table, ids in within.items()}
    found: dict[ColumnElement[int], str] = {}
    if schema.origin in lists:
        found[_image.c.origin_id] = lists[schema.origin]
    conditions = commands(lists.get(schema.program), lists.get(schema.argument))
    if conditions:
        command_id = schema.command.c.id
        query = select(command_id).where(command_id.between(first, last), *conditions)
        ids = list(connection.scalars(query))
        if not ids:
            return None
        found[_image.c.command_id] = json.dumps(ids)
    return found


def _conditions(
    wanted: Filter, entries: dict[ColumnElement[int], str]
) -> list[ColumnElement[bool]]:
    return [*wanted.conditions(), *(one_of(column, ids) for column, ids in entries.items())]


def rows_of(
    connection: Connection,
    wanted: Filter,
    entries: dict[ColumnElement[int], str],
    within: Sequence[ColumnElement[bool]],
    reverse: bool,
    size: int,
) -> Sequence[Any]:
    order = _image.c.id.desc() if reverse else _image.c.id
    query = select(_image).where(*within, *_conditions(wanted, entries))
    return connection.execute(query.order_by(order).limit(size)).all()


def count_of(connection: Connection, selection: Selection, span: Span) -> int:
    entries = entries_of(connection, selection, span.segment)
    if entries is None:
        return 0
    conditions = _conditions(selection.wanted, entries)
    if selection.ids is not None:
        ids = between(selection.ids, span.first_id, span.last_id)
        conditions.append(one_of(_image.c.id, json.dumps(ids)))
    elif not conditions:
        return span.last_id - span.first_id + 1
    conditions.append(_image.c.id.between(span.first_id, span.last_id))
    counted = select(func.count()).select_from(_image).where(*conditions)
    return int(connection.scalar(counted) or 0)
