"""In which blocks of rows a pid, an origin, a program, a failure or a long duration occurs, so that
a question need not read the others. A block is 1,024 ids in a row. What the tables say of blocks is
written with the rows, and with their ends.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import insert_sql
from execdb.store.schema.constants import BLOCK_BITS, LONG_BITS, PID_BITS, REFUSED

_BLOCKS_MAX = 1_000  # of a segment; execdb writes segments of 70 or so
_IDS_MAX = 1_000  # so many entries occur everywhere
_PAIRS_MAX = 100_000  # of a segment, about failures or durations
_LONG_NS = 1 << LONG_BITS[0]


class Columns(NamedTuple):
    """Columns of `image` of consecutive rows."""

    pids: Sequence[int]
    ppids: Sequence[int]
    origin_ids: Sequence[int]
    program_ids: Sequence[int]
    statuses: Sequence[int | None]
    durations_ns: Sequence[int | None]


def block_of(row_id: int) -> int:
    """The number of the block that a row is in."""
    return row_id >> BLOCK_BITS


def ids_of(block: int) -> tuple[int, int]:
    """The first and the last id of a block."""
    first = block << BLOCK_BITS
    return first, first + (1 << BLOCK_BITS) - 1


def length_of(duration_ns: int) -> int:
    """How many of LONG_BITS it has: 0 if it is shorter than a second or so."""
    return sum(duration_ns >> bits > 0 for bits in LONG_BITS)


def add_rows(connection: Connection, first_id: int, rows: Columns) -> None:
    """Stores in which blocks the values of these rows occur."""
    found: dict[str, list[tuple[int, int]]] = {table: [] for table in _INSERT}
    for block, part in _blocks(first_id, len(rows.pids)):
        values: dict[str, Iterable[int]] = {
            "pid_block": sorted({pid >> PID_BITS for pid in rows.pids[part]}),
            "ppid_block": {pid >> PID_BITS for pid in set(rows.ppids[part])},
            "origin_block": set(rows.origin_ids[part]),
            "program_block": set(rows.program_ids[part]),
            "failure_block": {each for each in set(rows.statuses[part]) if each and each > 0},
            "long_block": {
                length_of(each) for each in rows.durations_ns[part] if each and each >= _LONG_NS
            },
        }
        for table, some in values.items():
            found[table] += [(value, block) for value in some]
    for table, pairs in found.items():
        if pairs:
            connection.executemany(_INSERT[table], pairs)


def _blocks(first_id: int, count: int) -> Iterator[tuple[int, slice]]:
    """The blocks of rows, and which of the rows are in each."""
    first, end = first_id, first_id + count
    while first < end:
        block = block_of(first)
        until = min(end, ids_of(block)[1] + 1)
        yield block, slice(first - first_id, until - first_id)
        first = until


def add_ends(connection: Connection, ends: Iterable[tuple[int | None, ...]]) -> None:
    """The same for ends of rows that are in the file: status, duration_ns, ..., id. Of rows that
    were removed nothing is stored."""
    failures = []
    lengths = []
    for status, duration_ns, *_, row_id in ends:
        if status and status > 0:
            failures.append((status, row_id))
        if duration_ns and duration_ns >= _LONG_NS:
            lengths.append((length_of(duration_ns), row_id))
    connection.executemany(_INSERT_OF_ROW["failure_block"], failures)
    connection.executemany(_INSERT_OF_ROW["long_block"], lengths)


def add_refused(connection: Connection, row_ids: Iterable[int]) -> None:
    """The same for attempts that failed."""
    pairs = {(REFUSED, block_of(row_id)) for row_id in row_ids}
    connection.executemany(_INSERT["failure_block"], pairs)


def blocks_with(
    connection: Connection, column: str, values: Sequence[int], first_row: int, last_row: int
) -> set[int] | None:
    """The blocks, of those of some rows, in which an image may have one of these values in
    `column`: "origin_id", "program_id" or "ppid". None if the rows or the values are too many to
    tell. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    if column not in _COLUMNS or len(values) > _IDS_MAX or last - first >= _BLOCKS_MAX:
        return None
    table, bits = _COLUMNS[column]
    wanted = json.dumps([value >> bits for value in values])
    rows = connection.execute(_SELECT[column], (wanted, first, last)).fetchall()
    check_rows(connection, table, rows)
    return {block for _, block in rows}


def pairs_of(
    connection: Connection, table: str, first_row: int, last_row: int
) -> list[tuple[int, int]] | None:
    """What "failure_block" or "long_block" says of the blocks of some rows: each value and its
    block. None if that is too much to tell. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    if last - first >= _BLOCKS_MAX:
        return None
    rows = connection.execute(_PAIRS[table], (first, last, _PAIRS_MAX + 1)).fetchall()
    check_rows(connection, table, rows)
    return None if len(rows) > _PAIRS_MAX else rows


_KEYS = {
    "pid_block": "pids",
    "ppid_block": "ppids",
    "origin_block": "origin_id",
    "program_block": "program_id",
    "failure_block": "failure",
    "long_block": "length",
}
_INSERT = {
    table: insert_sql(table, (key, "block"), conflict="IGNORE") for table, key in _KEYS.items()
}
_INSERT_OF_ROW = {
    table: f"INSERT OR IGNORE INTO {table} ({_KEYS[table]}, block)"
    f" SELECT ?, id >> {BLOCK_BITS} FROM image WHERE id = ?"
    for table in ("failure_block", "long_block")
}
_COLUMNS = {
    "origin_id": ("origin_block", 0),
    "program_id": ("program_block", 0),
    "ppid": ("ppid_block", PID_BITS),
}
# CROSS JOIN: SQLite then takes the tables in this order. Grouped, each block is read once.
_SELECT = {
    column: f"SELECT min({_KEYS[table]}), block FROM json_each(?) AS wanted CROSS JOIN {table}"
    f" ON {_KEYS[table]} = wanted.value AND block BETWEEN ? AND ? GROUP BY block"
    for column, (table, _) in _COLUMNS.items()
}
_PAIRS = {
    table: f"SELECT {_KEYS[table]}, block FROM {table} WHERE block BETWEEN ? AND ? LIMIT ?"
    for table in _INSERT_OF_ROW
}
