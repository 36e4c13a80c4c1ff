"""In which blocks of rows an origin or a program occurs, so that a question need not read the
others. A block is 1,024 ids in a row; `origin_block` and `program_block` are written with the rows.
"""

import json
from collections.abc import Iterable, Sequence
from sqlite3 import Connection

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import insert_sql
from execdb.store.schema import constants

_TABLES = {"origin_id": "origin_block", "program_id": "program_block"}
_BLOCKS_MAX = 1_000  # of a segment; execdb writes segments of 70 or so
_IDS_MAX = 1_000  # so many entries occur everywhere


def block_of(row_id: int) -> int:
    return row_id >> constants.BLOCK_BITS


def ids_of(block: int) -> tuple[int, int]:
    """The first and the last id of a block."""
    first = block << constants.BLOCK_BITS
    return first, first + (1 << constants.BLOCK_BITS) - 1


def add_blocks(connection: Connection, column: str, pairs: Iterable[tuple[int, int]]) -> None:
    """Stores that these ids occur in these blocks: pairs (id, block)."""
    connection.executemany(_INSERT[column], pairs)


def blocks_with(
    connection: Connection, column: str, ids: Sequence[int], first_row: int, last_row: int
) -> set[int] | None:
    """The blocks, of those of some rows, in which an image has one of the `ids` in `column`:
    "origin_id" or "program_id". None if the rows or the ids are too many to tell. Raises
    DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    if column not in _TABLES or len(ids) > _IDS_MAX or last - first >= _BLOCKS_MAX:
        return None
    rows = connection.execute(_SELECT[column], (json.dumps(ids), first, last)).fetchall()
    check_rows(connection, _TABLES[column], rows)
    return {block for _, block in rows}


_INSERT = {
    column: insert_sql(table, (column, "block"), conflict="IGNORE")
    for column, table in _TABLES.items()
}
# CROSS JOIN: SQLite then takes the tables in this order. Grouped, each block is read once.
_SELECT = {
    column: f"SELECT min({column}), block FROM json_each(?) AS wanted CROSS JOIN {table}"
    f" ON {column} = wanted.value AND block BETWEEN ? AND ? GROUP BY block"
    for column, table in _TABLES.items()
}
