"""What ran for the first time: combinations of values that earlier events do not have.

The latest events are grouped first. Then earlier ones are looked through, the newest first, for
what is left of these groups, and only in rows that may have such values.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import lru_cache
from sqlite3 import Connection
from typing import Any, NamedTuple

from sqlalchemy import func, select

from execdb.store.errors import DatabaseError, UsageError
from execdb.store.fields import FIELD_OF
from execdb.store.file.text import readable
from execdb.store.overview.family import Key
from execdb.store.overview.portions import portions_of
from execdb.store.reading.filter import Filter, table_of
from execdb.store.reading.grouping import Values, columns_of
from execdb.store.reading.history import History
from execdb.store.reading.narrowing import Entries, stretches_of
from execdb.store.reading.selection import (
    Selection,
    Span,
    lists_of,
    parts_of,
)
from execdb.store.reading.statements import Statement, conditions_of
from execdb.store.schema import tables
from execdb.store.segments.segment import Segment
from execdb.store.terms.names import require_groupable

GROUPS_MAX = 100_000
PROGRAM = "exe" if "exe" in FIELD_OF else "filename"  # what tells programs apart
_INSTEAD = {"exe": "filename"}  # what stands for a value that is null


@dataclass
class Newcomer:
    """The values that are new, how many events have them, and the key of the first of these."""

    values: tuple[Any, ...]
    runs: int
    first: Key


def newcomers(
    history: History, wanted: Filter, baseline_ns: int | None, by: Sequence[str]
) -> list[Newcomer]:
    """The combinations of values of these fields that events from `wanted.since_ns` on have, and
    no event of the `baseline_ns` before (None: no earlier event at all). Programs that ran before
    a collector started count as earlier ones. Oldest first. Raises UsageError for a field that
    cannot be used, or more than GROUPS_MAX combinations, and DatabaseError."""
    require_groupable(by)
    found = Found()
    selection = _selected(history, wanted)
    for span in selection.spans:
        for group in _grouped(history, selection, span, by, None):
            found.add(group)
    if wanted.since_ns is not None:
        _forget_known(history, wanted, baseline_ns, by, found)
    return sorted(found.new.values(), key=lambda each: each.first)


class Alike(NamedTuple):
    """Rows with the same values. `otherwise` has what stands for values that may be null; `lacks`:
    it stands for some here."""

    values: tuple[Any, ...]
    otherwise: tuple[Any, ...]
    lacks: bool
    runs: int
    first: Key


def fields_of(by: Sequence[str]) -> tuple[str, ...]:
    """These fields, and those that may stand for them."""
    return tuple(dict.fromkeys([*by, *(_INSTEAD[name] for name in by if name in _INSTEAD)]))


def alike(by: Sequence[str], known: Mapping[str, Any], runs: int, first: Key) -> Alike:
    """Rows of which the values of `fields_of` are known."""
    found = tuple(_value(name, known) for name in by)
    otherwise = tuple(known[_INSTEAD.get(name, name)] for name in by)
    lacks = any(known[name] is None for name in by if name in _INSTEAD)
    return Alike(found, otherwise, lacks, runs, first)


class Found:
    """What may be new. An earlier row whose `exe` is not known is taken for each that was started
    by the same `filename`: otherwise all would be new from the day on that `exe` is recorded."""

    def __init__(self) -> None:
        self.new: dict[tuple[Any, ...], Newcomer] = {}
        self._otherwise: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}

    def add(self, group: Alike) -> None:
        """Raises UsageError for too many."""
        known = self.new.setdefault(group.values, Newcomer(group.values, 0, group.first))
        known.runs += group.runs
        if not group.lacks and group.otherwise != group.values:
            self._otherwise.setdefault(group.otherwise, set()).add(group.values)
        if len(self.new) > GROUPS_MAX:
            raise UsageError(
                f"there are more than {GROUPS_MAX} combinations: give other fields with --by, "
                "or choose fewer events"
            )

    def forget(self, group: Alike) -> None:
        """An earlier event has these values."""
        self.new.pop(group.values, None)
        if group.lacks:
            for values in self._otherwise.pop(group.values, ()):
                self.new.pop(values, None)

    def looked_for(self) -> set[tuple[Any, ...]]:
        """The values that earlier rows are read for."""
        return {*self.new, *self._otherwise}


def _forget_known(
    history: History,
    wanted: Filter,
    baseline_ns: int | None,
    by: Sequence[str],
    found: Found,
) -> None:
    """Removes what earlier events have."""
    since_ns = wanted.since_ns or 0
    before = replace(wanted, since_ns=None, until_ns=since_ns)
    seen = _selected(history, before, seen=True)
    spans = [(seen, span) for span in seen.spans if span.first_id < 0]
    if baseline_ns is not None:
        before = replace(before, since_ns=since_ns - baseline_ns)
    earlier = _selected(history, before)
    newest_first = sorted(earlier.spans, key=lambda span: span.end_ns, reverse=True)
    for selection, span in [*spans, *((earlier, span) for span in newest_first)]:
        if not found.new:
            return
        for group in _grouped(history, selection, span, by, found.looked_for()):
            found.forget(group)


def _selected(history: History, wanted: Filter, *, seen: bool = False) -> Selection:
    with history.database.reading() as connection:
        return history.select(connection, wanted, seen=seen)


def _grouped(
    history: History,
    selection: Selection,
    span: Span,
    by: Sequence[str],
    only: Set[tuple[Any, ...]] | None,
) -> Iterator[Alike]:
    """Groups of rows of a span. Where `only` is given, rows that cannot have any of its values may
    be left out."""
    database = history.database
    fields = fields_of(by)
    values = Values(fields, history.run_of(span.segment))
    with database.reading() as connection:
        entries, stretches = parts_of(connection, selection, span)
        if stretches and only is not None:
            narrow = _narrowed(connection, span.segment, by, only, entries)
            if narrow is None:
                return
            entries = narrow
            if selection.ids is None:
                within = span.first_id, span.last_id
                stretches = stretches_of(connection, selection.wanted, entries, *within)
    for first, last, part in portions_of(selection, entries, stretches):
        with database.reading() as connection:
            history.check_there(connection, first)
            statement = _statement(selection.wanted, frozenset(part), fields)
            rows = statement.rows(connection, first=first, last=last, **lists_of(part))
            values.learn(connection, rows)
        for row in rows:
            try:
                known = dict(zip(fields, values.of(row), strict=True))
            except (KeyError, TypeError) as error:
                raise DatabaseError(
                    "the database is inconsistent: rows refer to entries that are not there"
                ) from error
            yield alike(by, known, row[-2], row[-1])


def _value(name: str, known: Mapping[str, Any]) -> Any:
    value = known[name]
    return known[_INSTEAD[name]] if value is None and name in _INSTEAD else value


@lru_cache
def _statement(wanted: Filter, lists: frozenset[str], by: tuple[str, ...]) -> Statement:
    keys = list(columns_of(by).values())
    chosen = select(*keys, func.count(), func.min(tables.image.c.id))
    return Statement(chosen.where(*conditions_of(wanted, lists)).group_by(*keys))


_TABLES = {"program": tables.program, "origin": tables.origin}


def _narrowed(
    connection: Connection,
    segment: Segment,
    by: Sequence[str],
    only: Set[tuple[Any, ...]],
    entries: Entries,
) -> Entries | None:
    """`entries` without programs and origins whose values are not those that are looked for. None
    if there are none at all."""
    found = dict(entries)
    for name, table in _TABLES.items():
        fields = [field for field in by if table_of(field) == name]
        if not fields:
            continue
        ids = _entries_like(connection, segment, table, fields, by, only)
        column = f"{name}_id"
        if column in found:
            ids = sorted(set(ids) & set(found[column]))
        if not ids:
            return None
        found[column] = ids
    return found


def _entries_like(
    connection: Connection,
    segment: Segment,
    table: Any,
    fields: Sequence[str],
    by: Sequence[str],
    only: Set[tuple[Any, ...]],
) -> list[int]:
    """The entries of a segment whose values occur in `only`."""
    places = [by.index(field) for field in fields]
    wanted = {tuple(values[place] for place in places) for values in only}
    names = tuple(dict.fromkeys([*fields, *(_INSTEAD[f] for f in fields if f in _INSTEAD)]))
    query = select(table.c.id, *(table.c[name] for name in names)).order_by(table.c.id)
    range_ = table.c.id.between(segment.first_entry_id, segment.last_entry_id)
    ids = []
    for id_, *values in Statement(query.where(range_)).rows(connection):
        texts = (readable(each) if isinstance(each, bytes) else each for each in values)
        known = dict(zip(names, texts, strict=True))
        if tuple(_value(field, known) for field in fields) in wanted:
            ids.append(id_)
    return ids
