"""Rows by the interval that they are in, in pieces that can be read one by one."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from sqlite3 import Connection
from typing import Any, NamedTuple

from sqlalchemy import select

from execdb.store.reading.filter import Filter
from execdb.store.reading.narrowing import Entries
from execdb.store.reading.selection import Span, lists_of
from execdb.store.reading.statements import Statement, conditions_of
from execdb.store.schema import tables
from execdb.store.segments.segment import Segment, lower_bound

_CHUNK = 512  # rows that are read together
_SAMPLE = 64  # the same of a sample: rows side by side are alike, so many places tell more


class Part(NamedTuple):
    """What rows of a span must refer to."""

    segment: Segment
    statement: Statement
    lists: dict[str, str]


class Piece(NamedTuple):
    """Rows of one interval: those from `first` to `last`, or the listed ones."""

    part: Part
    first: int
    last: int
    ids: Sequence[int] | None = None

    @property
    def rows(self) -> int:
        return self.last - self.first + 1 if self.ids is None else len(self.ids)

    def chunk(self, at: int, size: int) -> "Piece":
        """Up to `size` of the rows, from the place `at` on."""
        if self.ids is None:
            first = self.first + at
            return self._replace(first=first, last=min(first + size - 1, self.last))
        return self._replace(ids=self.ids[at : at + size])

    def read(self, connection: Connection) -> list[Any]:
        lists = self.lists
        return self.part.statement.rows(connection, first=self.first, last=self.last, **lists)

    @property
    def lists(self) -> dict[str, str]:
        ids = {} if self.ids is None else lists_of({"id": self.ids})
        return {**self.part.lists, **ids}


def cuts_of(connection: Connection, span: Span, edges: Sequence[int]) -> list[tuple[int, int]]:
    """Of each interval that rows of the span are in: its place, and the id of its first row."""
    segment = span.segment
    begin_ns = segment.first_boot_ns + segment.offset_ns
    end_ns = segment.last_boot_ns + segment.offset_ns
    first = max(0, bisect_right(edges, begin_ns) - 1)
    last = min(bisect_left(edges, end_ns + 1), len(edges) - 1)
    return [
        (at, lower_bound(connection, segment, edges[at] - segment.offset_ns))
        for at in range(first, last)
    ]


def pieces_of(
    wanted: Filter,
    span: Span,
    entries: Entries,
    stretches: Sequence[tuple[int, int]],
    cuts: Sequence[tuple[int, int]],
) -> Iterator[tuple[int, Piece]]:
    """The rows of a span by the place of their interval."""
    listed = entries.get("id")
    rest = {name: ids for name, ids in entries.items() if name != "id"}
    part = Part(span.segment, _statement(wanted, frozenset(entries)), lists_of(rest))
    ends = [number - 1 for _, number in cuts[1:]] + [1 << 62]
    for (at, begin), end in zip(cuts, ends, strict=True):
        if listed is not None:
            ids = listed[bisect_left(listed, begin) : bisect_right(listed, end)]
            if ids:
                yield at, Piece(part, 0, 0, ids)
            continue
        # Stretches are in order: those that reach into the interval.
        place = bisect_left(stretches, begin, key=lambda stretch: stretch[1])
        while place < len(stretches) and stretches[place][0] <= end:
            first, last = stretches[place]
            yield at, Piece(part, max(first, begin), min(last, end))
            place += 1


def chunks_of(pieces: Sequence[Piece], rows: int, share: float) -> Iterator[Piece]:
    """All rows in chunks, or chunks at equal distances that have about this share of the rows; at
    least one where there are rows."""
    if share >= 1:
        for piece in pieces:
            yield from (piece.chunk(at, _CHUNK) for at in range(0, piece.rows, _CHUNK))
        return
    step = max(_SAMPLE, rows / max(1, round(rows * share / _SAMPLE)))
    due = (step - _SAMPLE) / 2  # the place of the next chunk
    before = 0  # rows of the pieces before
    for piece in pieces:
        while due < before + piece.rows:
            yield piece.chunk(max(0, int(due) - before), _SAMPLE)
            due += step
        before += piece.rows


@lru_cache
def _statement(wanted: Filter, lists: frozenset[str]) -> Statement:
    image = tables.image.c
    chosen = select(image.origin_id, image.program_id, image.status, image.errno)
    return Statement(chosen.where(*conditions_of(wanted, lists)))
