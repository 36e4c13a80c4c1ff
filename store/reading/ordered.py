"""The rows of a selection in order.

They are read in short transactions, a page at a time, so that a slow reader does not keep the
WAL from being checkpointed. A segment has its rows in order; segments that overlap in time, as
those of an import and a recording may, are merged.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import merge
from itertools import chain
from sqlite3 import Connection
from typing import Any, Generic, TypeVar

from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.reading.narrowing import Entries, Stretch, stretches_of
from execdb.store.reading.selection import (
    Selection,
    Span,
    between,
    entries_of,
    page_of,
    rows_of,
)

PAGE = 1_000  # rows a transaction
_PAGE_MIN = 20  # where many segments are read side by side

T = TypeVar("T")


class Ordered(Generic[T]):
    """Yields what `build` makes of the rows of a span, one item for each row. `build` may take only
    the first of the rows, at least one: pages then become shorter. Items of spans that overlap are
    ordered by `key`."""

    def __init__(
        self,
        database: Database,
        selection: Selection,
        build: Callable[[Connection, Span, Sequence[Any]], list[T]],
        key: Callable[[T], tuple[int, ...]],
        gone: Callable[[], None] = lambda: None,
        mark: Callable[[Span, int], list[T]] = lambda _, __: [],
    ) -> None:
        """`gone` is called if selected rows were removed before they were read. Before rows are
        read, what `mark` gives for the first of them is yielded, if anything: its `key` must be
        that of a place before this row, and behind the row before."""
        self._database, self._selection = database, selection
        self._build, self._key, self._gone, self._mark = build, key, gone, mark

    def read(self, reverse: bool, page: int = PAGE) -> Iterator[T]:
        """All items, newest first with `reverse`, reading `page` rows at a time. Raises
        DatabaseError."""
        return chain.from_iterable(self._groups(reverse, page))

    def _groups(self, reverse: bool, page: int) -> Iterator[Iterable[T]]:
        """Spans that overlap in time are read side by side."""
        sign = -1 if reverse else 1
        edges = sorted(
            (sorted((sign * span.begin_ns, sign * span.end_ns)), span)
            for span in self._selection.spans
        )
        together: list[Span] = []
        end_ns = 0
        for (from_ns, to_ns), span in edges:
            if together and from_ns > end_ns:
                yield from self._side_by_side(together, reverse, page)
                together = []
            end_ns = max(end_ns, to_ns) if together else to_ns
            together.append(span)
        yield from self._side_by_side(together, reverse, page)

    def _side_by_side(
        self, spans: Sequence[Span], reverse: bool, page: int
    ) -> Iterable[Iterable[T]]:
        if len(spans) == 1:
            return self._pages(spans[0], reverse, page)
        page = max(min(page, PAGE // max(len(spans), 1)), min(page, _PAGE_MIN))
        streams = [chain.from_iterable(self._pages(span, reverse, page)) for span in spans]
        return [merge(*streams, key=self._key, reverse=reverse)]

    def _pages(self, span: Span, reverse: bool, size: int) -> Iterator[list[T]]:
        """The items of a span."""
        selection = self._selection
        if selection.ids is not None:
            yield from self._pages_of(span, selection.ids, reverse, size)
            return
        entries: Entries | None = None
        stretches: deque[Stretch] = deque()
        fit = size
        while entries is None or stretches:
            ends = stretches[0] if stretches else (span.first_id, span.last_id)
            yield self._mark(span, ends[reverse])
            with self._database.reading() as connection:
                self._check(connection, min(stretches)[0] if stretches else span.first_id)
                if entries is None:
                    entries = entries_of(connection, selection, span.segment)
                    if entries is None:
                        return
                    within = span.first_id, span.last_id
                    ahead = stretches_of(connection, selection.wanted, entries, *within)
                    stretches.extend(reversed(ahead) if reverse else ahead)
                rows = page_of(connection, selection.wanted, entries, stretches, reverse, fit)
                built = self._build(connection, span, rows)
                if len(built) < len(rows):
                    again = rows[len(built)][0], rows[-1][0]
                    stretches.appendleft((min(again), max(again)))
                fit = _fitting(size, len(rows), len(built))
            yield built

    def _pages_of(
        self, span: Span, ids: Sequence[int], reverse: bool, size: int
    ) -> Iterator[list[T]]:
        """The items of these rows, as far as they are in the span and wanted."""
        selection = self._selection
        candidates = between(ids, span.first_id, span.last_id)
        candidates = candidates[::-1] if reverse else candidates
        at, fit = 0, size
        while at < len(candidates):
            yield self._mark(span, candidates[at])
            with self._database.reading() as connection:
                self._check(connection, min(candidates[at], candidates[-1]))
                entries = entries_of(connection, selection, span.segment)
                if entries is None:
                    return
                page = candidates[at : at + fit]
                rows = rows_of(connection, selection.wanted, entries, page, reverse)
                built = self._build(connection, span, rows)
                taken = page.index(rows[len(built)][0]) if len(built) < len(rows) else len(page)
                at, fit = at + taken, _fitting(size, len(rows), len(built))
            yield built

    def _check(self, connection: Connection, lowest: int) -> None:
        """Retention removes the oldest rows of a segment first, and ids have no gaps: if the lowest
        row that is still to be read exists, all do."""
        if scalar(connection, "SELECT 1 FROM image WHERE id = ?", (lowest,)) is None:
            self._gone()


def _fitting(size: int, rows: int, built: int) -> int:
    """How many rows to read next: as many as `build` took last time, or twice as many if it took
    all."""
    return max(1, built) if built < rows else min(size, 2 * max(rows, 1))
