"""In which blocks of a segment an entry of the dictionary is used, so that a question need not read
the others.

Entries get their ids in the order in which rows use them first. So it is enough to know how far
the ids had come at the end of each block, and of an entry that is used again, in which further
blocks. What is used once, as most command lines of a varied history are, costs nothing.
"""

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from execdb.store.errors import DatabaseError
from execdb.store.file.column_types import check_rows
from execdb.store.schema import constants
from execdb.store.segments.segment import Segment

_BLOCKS = 1 << constants.CHUNK_BITS  # of a chunk
_ALL = (1 << _BLOCKS) - 1


class Uses:
    """Of the entries of one segment, while its rows are written. Works for ids in any order."""

    def __init__(self, first_id: int, known_id: int) -> None:
        """The segment's first row, and the last id of the dictionary before it."""
        self._first_block = first_id >> constants.BLOCK_BITS
        self.known_ids = [known_id]  # the greatest before the first block, at the end of each
        self._again: defaultdict[int, int] = defaultdict(int)  # an entry's further blocks

    def note(self, block: int, entries: set[int]) -> None:
        """What rows of a block refer to; the blocks in order."""
        known_ids, again = self.known_ids, self._again
        at = block - self._first_block
        while len(known_ids) < at + 2:
            known_ids.append(known_ids[-1])
        known_ids[at + 1] = max(known_ids[at + 1], max(entries))
        before, bit = known_ids[at], 1 << at
        for entry in entries:
            if entry <= before:
                again[entry] |= bit

    def store(self, connection: Connection) -> None:
        """Behind this, add the `known_ids` to the segment."""
        first_chunk, shift = divmod(self._first_block, _BLOCKS)
        rows = []
        for entry, bits in self._again.items():
            bits, chunk = bits << shift, first_chunk
            while bits:
                if bits & _ALL:
                    rows.append((chunk, entry, bits & _ALL))
                bits, chunk = bits >> _BLOCKS, chunk + 1
        if rows:
            connection.executemany(_STORE, sorted(rows))


def uses_in(connection: Connection, segment: Segment) -> Uses:
    """Those of a segment whose writer has not stored them. Raises DatabaseError where its rows
    are not there."""
    uses = Uses(segment.first_id, segment.first_entry_id - 1)
    first, size = segment.first_id, 1 << constants.BLOCK_BITS
    while first <= segment.last_id:
        block = first >> constants.BLOCK_BITS
        end = (block + 1) * size
        last = min(end - 1, segment.last_id)
        rows = connection.execute(_ENTRIES, (first, last)).fetchall()
        entries = {entry for row in rows for entry in row}
        if not entries or not set(map(type, entries)) <= {int}:
            raise _broken(segment, "its rows")
        uses.note(block, entries)
        first = end
    return uses


def blocks_of(
    connection: Connection, segment: Segment, entries: Sequence[int]
) -> tuple[int, int] | None:
    """Where rows of the segment may refer to one of these entries: a block, and bits, of which
    the lowest is for that block, the next for the one behind it. None if that is not known. Raises
    DatabaseError where the file is inconsistent."""
    if segment.known_entry_ids is None or len(entries) > _MANY:
        return None
    known_ids = _known_ids(segment)
    if len(known_ids) > _LONGEST:
        return None
    first_block = (segment.last_id >> constants.BLOCK_BITS) - (len(known_ids) - 2)
    found = 0
    for entry in entries:
        at = bisect_left(known_ids, entry)
        if 0 < at < len(known_ids):
            found |= 1 << (at - 1)
    chunks = range(first_block >> constants.CHUNK_BITS, (segment.last_id >> _CHUNK) + 1)
    for chunk, bits in _stored(connection, chunks, entries):
        above = (chunk << constants.CHUNK_BITS) - first_block
        bits &= _ALL
        found |= bits << above if above >= 0 else bits >> -above
    return first_block, found


_MANY = 1_000  # entries; they are used everywhere
_LONGEST = 1_000  # blocks; a segment that we write has a tenth of it


def _known_ids(segment: Segment) -> list[int]:
    try:
        ids = json.loads(segment.known_entry_ids or "")
    except (ValueError, RecursionError):
        ids = None
    if type(ids) is not list or len(ids) < 2 or not set(map(type, ids)) <= {int}:
        raise _broken(segment, "its known_entry_ids")
    return ids


def _broken(segment: Segment, what: str) -> DatabaseError:
    return DatabaseError(f"the database is inconsistent: of segment {segment.first_id}, {what}")


def _stored(
    connection: Connection, chunks: Iterable[int], entries: Sequence[int]
) -> list[tuple[int, int]]:
    wanted = json.dumps(list(chunks)), json.dumps(entries)
    rows = connection.execute(_STORED, wanted).fetchall()
    check_rows(connection, "entry_block", rows)
    return [(chunk, blocks) for chunk, _, blocks in rows]


_CHUNK = constants.BLOCK_BITS + constants.CHUNK_BITS
_ENTRIES = "SELECT origin_id, command_id FROM image WHERE id BETWEEN ? AND ?"
# Segments may share a chunk, and a dictionary.
_STORE = (
    "INSERT INTO entry_block VALUES (?, ?, ?)"
    " ON CONFLICT (chunk, entry_id) DO UPDATE SET blocks = blocks | excluded.blocks"
)
# CROSS JOIN: SQLite then takes the tables in this order.
_STORED = (
    "SELECT entry_block.* FROM json_each(?) AS chunk CROSS JOIN json_each(?) AS entry"
    " CROSS JOIN entry_block ON entry_block.chunk = chunk.value AND entry_id = entry.value"
)
