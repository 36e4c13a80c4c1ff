"""Events a page at a time, by key: where one page ended, the next one begins."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile
from operator import itemgetter
from sqlite3 import Connection
from typing import Any, NamedTuple

from execdb.store.event import Event
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.reading.ordered import Ordered
from execdb.store.reading.selection import Selection, Span
from execdb.store.segments.segment import Segment, lower_bound, segments_of

SIDE = 50  # siblings before and after
_ABOVE_MAX = 1_000  # ancestors


class Moment(NamedTuple):
    """What orders events. `shifted_ns` is boot_ns by the wall clock as it was set last in that
    boot; `run_id` is there where ids are those of several files."""

    shifted_ns: int
    time_ns: int
    id: int
    run_id: int = 0


class Identity(NamedTuple):
    """What names an image: it began at this time of this boot, under this pid. `host` is whose
    boot it is, where several may claim the same, and `row` the run and id of its row where it was
    seen: it may be elsewhere now."""

    boot_id: str
    boot_ns: int
    pid: int
    host: str | None = None
    row: tuple[int, int] | None = None


_Item = tuple[Moment, Event | None]


class Page(NamedTuple):
    """Events, and the moment behind which the next page begins; None if there is nothing behind
    them. `partial`: up to that moment there are no more than these, and time was up."""

    events: Sequence[Event]
    following: Moment | None
    partial: bool


class Siblings(NamedTuple):
    """The events of one parent around one of them, oldest first, and whether there are more."""

    events: Sequence[Event]
    more: bool


class Pages(History):
    """Events in pages, and those that are related to one. Raises DatabaseError."""

    def page(
        self,
        wanted: Filter,
        size: int,
        *,
        newest_first: bool,
        after: Moment | None = None,
        late: Callable[[], bool] = lambda: False,
    ) -> Page:
        """Up to `size` events, those that come after a moment in that order. Once it is `late`, the
        search ends at the next place where it can go on, but it comes further with each page."""
        with self.database.reading() as connection:
            selection = self.select(connection, wanted)
            if after is not None:
                spans = list(_beyond(connection, selection.spans, after, newest_first))
                selection = selection._replace(spans=spans)

        def is_behind(item: _Item) -> bool:
            return after is not None and (item[0] >= after if newest_first else item[0] <= after)

        found: list[_Item] = []
        begun = after
        for item in dropwhile(is_behind, self._items(selection, newest_first, size + 1)):
            if item[1] is None:
                if begun is not None and late():
                    return Page(_events(found), item[0], True)
                begun = item[0]
            elif len(found) == size:
                return Page(_events(found), found[-1][0], False)
            else:
                found.append(item)
        return Page(_events(found), None, False)

    def _items(self, selection: Selection, newest_first: bool, size: int) -> "Iterator[_Item]":
        """The events in order, and, before some are read, how far everything was searched."""
        shifts = {self._boot_id(span.segment): span.shift_ns for span in selection.spans}

        def build(connection: Connection, span: Span, rows: Sequence[Any]) -> list[_Item]:
            events = self._events(connection, span, rows)
            return [(Moment(e.boot_ns + shifts[e.boot_id], e.time_ns, e.id), e) for e in events]

        def mark(span: Span, number: int) -> list[_Item]:
            with self.database.reading() as connection:
                time_ns = scalar(connection, _TIME, (number,))
            if not isinstance(time_ns, int):  # removed meanwhile
                return []
            shifted_ns = time_ns - span.segment.offset_ns + span.shift_ns
            before = number + 1 if newest_first else number - 1
            return [(Moment(shifted_ns, time_ns, before), None)]

        ordered: Ordered[_Item] = Ordered(
            self.database, selection, build, itemgetter(0), self._note_gone, mark
        )
        return ordered.read(newest_first, size)

    def find(self, boot_id: str, boot_ns: int, pid: int) -> Event | None:
        """The image that began at this time of this boot, by its pid; if it is there more than
        once, as after an import, the one that was stored last."""
        with self.database.reading() as connection:
            self._read_runs(connection)
            ids = [
                number
                for segment in segments_of(connection)
                if segment.first_boot_ns <= boot_ns <= segment.last_boot_ns
                and self._boot_id(segment) == boot_id
                for number in _rows_at(connection, segment, boot_ns, pid)
            ]
        found = list(self.rows_with(ids[-1:]))
        return found[0] if found else None

    def chain(self, event: Event) -> list[Event]:
        """What led to an event, the first known ancestor first, the event itself last; of an
        endless chain the nearest. A hostile file may claim circles: each event is in it once."""
        ids = [event.id]
        with self.database.reading() as connection:
            while len(ids) <= _ABOVE_MAX:
                parent = scalar(connection, _PARENT, (ids[-1],))
                if not isinstance(parent, int) or parent in ids:
                    break
                ids.append(parent)
        there = {each.id: each for each in self.rows_with(sorted(ids))}
        return [there[number] for number in reversed(ids) if number in there]

    def children(self, number: int, size: int, *, after: int | None = None) -> list[Event]:
        """What an event started, in the order of ids, those behind the id `after`."""
        with self.database.reading() as connection:
            rows = connection.execute(_CHILDREN, (number, after, size)).fetchall()
        return list(self.rows_with([row[0] for row in rows]))

    def siblings(self, event: Event) -> Siblings:
        """The children of an event's parent around the event, which is one of them."""
        if event.parent_id is None:
            return Siblings([event], False)
        with self.database.reading() as connection:
            sides = [
                connection.execute(sql, (event.parent_id, event.id, SIDE + 1)).fetchall()
                for sql in (_BEFORE, _AFTER)
            ]
        ids = [row[0] for side in sides for row in side[:SIDE]]
        more = any(len(side) > SIDE for side in sides)
        return Siblings(list(self.rows_with(sorted([*ids, event.id]))), more)

    def hosts(self) -> set[str]:
        """The names of the machines whose events are in the file."""
        with self.database.reading() as connection:
            self._read_runs(connection)
        return {host for _, host in self._runs.values()}

    def extent(self) -> tuple[int, int] | None:
        """The times of the first and of the last recorded event; None if there are none."""
        with self.database.reading() as connection:
            recorded = [each for each in segments_of(connection) if each.first_id > 0]
        if not recorded:
            return None
        begin = min(each.first_boot_ns + each.offset_ns for each in recorded)
        return begin, max(each.last_boot_ns + each.offset_ns for each in recorded)


def _events(items: Iterable[_Item]) -> list[Event]:
    return [event for _, event in items if event is not None]


def _beyond(
    connection: Connection, spans: Iterable[Span], after: Moment, newest_first: bool
) -> Iterator[Span]:
    """What is left of spans from a moment on, that moment included."""
    for span in spans:
        boot_ns = after.shifted_ns - span.shift_ns
        first, last = span.first_id, span.last_id
        if newest_first:
            last = min(last, lower_bound(connection, span.segment, boot_ns + 1) - 1)
        else:
            first = max(first, lower_bound(connection, span.segment, boot_ns))
        if first <= last:
            yield span._replace(first_id=first, last_id=last)


def _rows_at(connection: Connection, segment: Segment, boot_ns: int, pid: int) -> Iterator[int]:
    first = lower_bound(connection, segment, boot_ns)
    last = lower_bound(connection, segment, boot_ns + 1) - 1
    for row in connection.execute(_OF_PID, (first, last, pid)):
        yield row[0]


_TIME = "SELECT time_ns FROM image WHERE id = ?"
_PARENT = "SELECT parent_id FROM image WHERE id = ?"
_OF_PID = "SELECT id FROM image WHERE id BETWEEN ? AND ? AND pid = ?"
_CHILDREN = (
    "SELECT id FROM image WHERE parent_id = ?1 AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3"
)
_BEFORE = "SELECT id FROM image WHERE parent_id = ? AND id < ? ORDER BY id DESC LIMIT ?"
_AFTER = "SELECT id FROM image WHERE parent_id = ? AND id > ? ORDER BY id LIMIT ?"
