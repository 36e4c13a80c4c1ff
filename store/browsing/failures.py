"""How many rows failed, by blocks of ids: counted once, in steps, and kept in memory.

No index tells failures apart, so counting those of ten million rows takes seconds. The counts take
two bytes for each block of 1,024 rows. A segment in which programs still ran when it was counted is
counted again later: how they end is stored in its rows.
"""

import time
from array import array
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import not_well
from execdb.store.reading.selection import Statement
from execdb.store.schema import constants, tables
from execdb.store.segments.blocks import block_of, ids_of
from execdb.store.segments.segment import Segment, segments_of

_AGAIN_S = 60.0


class _Counted(NamedTuple):
    last_id: int
    failed: "array[int]"  # of each block, the first one that of the segment's first row
    running: int
    at_s: float
    version: tuple[int, int]


class Failures:
    """Raises DatabaseError. `clock` counts seconds."""

    def __init__(self, database: Database, clock: Callable[[], float] = time.monotonic) -> None:
        self._database, self._clock = database, clock
        self._counted: dict[int, _Counted] = {}  # by the first id of the segment

    def step(self) -> bool:
        """Counts one more segment, the newest first. Whether there is more to count."""
        with self._database.reading() as connection:
            segments = [each for each in segments_of(connection) if each.first_id > 0]
        there = {segment.first_id for segment in segments}
        self._counted = {first: c for first, c in self._counted.items() if first in there}
        waiting = [segment for segment in reversed(segments) if self._is_due(segment)]
        if waiting:
            self._count(waiting[0])
        return len(waiting) > 1

    def within(self, segment: Segment, first: int, last: int) -> int | None:
        """How many of these rows of a segment failed; None if it was not counted yet."""
        known = self._counted.get(segment.first_id)
        if known is None or known.last_id < last:
            return None
        begin, end = block_of(first), block_of(last)
        edges = {(first, min(last, ids_of(begin)[1])), (max(first, ids_of(end)[0]), last)}
        offset = block_of(segment.first_id)
        inner = sum(known.failed[begin + 1 - offset : max(end - offset, 0)])
        return inner + sum(self._read(*edge) for edge in edges)

    def _is_due(self, segment: Segment) -> bool:
        known = self._counted.get(segment.first_id)
        if known is None or known.last_id != segment.last_id:
            return True
        old = self._clock() - known.at_s > _AGAIN_S
        return bool(known.running and old and known.version != self._database.version())

    def _count(self, segment: Segment) -> None:
        first, last = segment.first_id, segment.last_id
        offset = block_of(first)
        failed = array("H", bytes(2 * (block_of(last) - offset + 1)))
        with self._database.reading() as connection:
            for block, number in _BY_BLOCK.rows(connection, first=first, last=last):
                failed[block - offset] = number
            running = int(scalar(connection, _RUNNING, (first, last)))
        version = self._database.version()
        self._counted[first] = _Counted(last, failed, running, self._clock(), version)

    def _read(self, first: int, last: int) -> int:
        with self._database.reading() as connection:
            return int(_NUMBER.column(connection, first=first, last=last)[0])


_id = tables.image.c.id
_block = _id.op(">>")(constants.BLOCK_BITS).label("block")
_wanted = _id.between(bindparam("first"), bindparam("last")), not_well()
_BY_BLOCK = Statement(select(_block, func.count()).where(*_wanted).group_by(_block))
_NUMBER = Statement(select(func.count()).select_from(tables.image).where(*_wanted))
_RUNNING = (
    "SELECT count(*) FROM image WHERE id BETWEEN ? AND ? AND status IS NULL AND errno IS NULL"
)
