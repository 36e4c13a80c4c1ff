"""In which blocks of rows a pid, an origin or a program occurs, how many of a block's rows failed,
and what they took at most, so that a question need not read the others. A block is 1,024 ids in a
row. What the tables say of blocks is written with the rows, and with their ends.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import insert_sql, scalar
from execdb.store.schema.constants import BLOCK_BITS, NOT_WELL, PEAKS_FROM, PID_BITS, REFUSED

_BLOCKS_MAX = 1_000  # of a segment; execdb writes segments of 70 or so
_IDS_MAX = 1_000  # so many entries occur everywhere
_LISTED_MAX = 100_000
_FAILURES_MAX = 100_000  # of a segment
_DURATION_FROM, _CPU_FROM, _RSS_FROM = PEAKS_FROM.values()
UNENDED = "status IS NULL AND errno IS NULL"  # SQL: a row of `image` that can get an end


class Columns(NamedTuple):
    """Columns of `image` of consecutive rows."""

    pids: Sequence[int]
    ppids: Sequence[int]
    origin_ids: Sequence[int]
    program_ids: Sequence[int]
    statuses: list[int | None]
    durations_ns: Sequence[int | None]
    cpus_ns: Sequence[int | None]
    rss_kb: Sequence[int | None]


def block_of(row_id: int) -> int:
    """The number of the block that a row is in."""
    return row_id >> BLOCK_BITS


def ids_of(block: int) -> tuple[int, int]:
    """The first and the last id of a block."""
    first = block << BLOCK_BITS
    return first, first + (1 << BLOCK_BITS) - 1


def add_rows(connection: Connection, first_id: int, rows: Columns) -> None:
    """Stores in which blocks the values of these rows occur."""
    found: dict[str, list[tuple[int, int]]] = {table: [] for table in _INSERT}
    peaks, failures = [], []
    for block, part in _blocks(first_id, len(rows.pids)):
        values: dict[str, Iterable[int]] = {
            "pid_block": sorted({pid >> PID_BITS for pid in rows.pids[part]}),
            "ppid_block": {pid >> PID_BITS for pid in set(rows.ppids[part])},
            "origin_block": set(rows.origin_ids[part]),
            "program_block": set(rows.program_ids[part]),
        }
        statuses = rows.statuses[part]
        failed = [status for status in set(statuses) if status and status > 0]
        failures += [(block, status, statuses.count(status)) for status in failed]
        took = rows.durations_ns[part], rows.cpus_ns[part], rows.rss_kb[part]
        peaks.append((block, *(max(filter(None, each), default=0) for each in took)))
        for table, some in values.items():
            found[table] += [(value, block) for value in some]
    for table, pairs in found.items():
        if pairs:
            connection.executemany(_INSERT[table], pairs)
    connection.executemany(_COUNT_FAILURES, failures)
    connection.executemany(_RAISE_PEAKS, peaks)


def _blocks(first_id: int, count: int) -> Iterator[tuple[int, slice]]:
    """The blocks of rows, and which of the rows are in each."""
    first, end = first_id, first_id + count
    while first < end:
        block = block_of(first)
        until = min(end, ids_of(block)[1] + 1)
        yield block, slice(first - first_id, until - first_id)
        first = until


def add_ends(connection: Connection, ends: Sequence[tuple[int | None, ...]]) -> None:
    """The same for ends that are about to be put on rows which are in the file: status,
    duration_ns, cpu_ns, max_rss_kb, id. Of rows that were removed, or have ended, nothing is
    stored."""
    failed = False
    peaks = []
    for status, duration_ns, cpu_ns, rss_kb, row_id in ends:
        if status and status > 0:
            failed = True
        took = duration_ns or 0, cpu_ns or 0, rss_kb or 0
        if took[0] >= _DURATION_FROM or took[1] >= _CPU_FROM or took[2] >= _RSS_FROM:
            peaks.append((*took, row_id))
    if failed:
        first = {end[-1]: end[0] for end in reversed(ends)}  # of several ends of a row it gets one
        failures = [(status, row) for row, status in first.items() if status and status > 0]
        connection.executemany(_COUNT_FAILURE_OF_ROW, failures)
    connection.executemany(_RAISE_PEAKS_OF_ROW, peaks)


def add_refused(connection: Connection, row_ids: Iterable[int]) -> None:
    """The same for attempts that failed."""
    counts = Counter(map(block_of, row_ids)).items()
    connection.executemany(_COUNT_FAILURES, ((block, REFUSED, n) for block, n in counts))


def blocks_with(
    connection: Connection, column: str, values: Sequence[int], first_row: int, last_row: int
) -> set[int] | None:
    """The blocks, of those of some rows, in which an image may have one of these values in
    `column`: "origin_id", "program_id", "pid" or "ppid". None if the rows or the values are too
    many to tell. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    if column not in _COLUMNS or len(values) > _IDS_MAX or last - first >= _BLOCKS_MAX:
        return None
    table, bits = _COLUMNS[column]
    wanted = json.dumps([value >> bits for value in values])
    rows = connection.execute(_SELECT[column], (wanted, first, last)).fetchall()
    check_rows(connection, table, rows)
    return {block for _, block in rows}


def blocks_of_pids(connection: Connection, pids: Sequence[int]) -> list[int] | None:
    """The blocks of all rows in which one of these pids may occur, in order. None if they are too
    many to list. Raises DatabaseError."""
    groups = json.dumps([pid >> PID_BITS for pid in pids])
    rows = connection.execute(_OF_PIDS, (groups, _LISTED_MAX + 1)).fetchall()
    check_rows(connection, "pid_block", rows)
    return None if len(rows) > _LISTED_MAX else [block for _, block in rows]


def failures_of(
    connection: Connection, first_row: int, last_row: int
) -> list[tuple[int, int]] | None:
    """How some rows failed, as `failure_block` has it, each way with a block in which one did. None
    if that is too much to tell. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    if last - first >= _BLOCKS_MAX:
        return None
    rows = connection.execute(_FAILURES, (first, last, _FAILURES_MAX + 1)).fetchall()
    check_rows(connection, "failure_block", rows)
    return None if len(rows) > _FAILURES_MAX else [(failure, block) for block, failure, _ in rows]


def count_failures(connection: Connection, first_row: int, last_row: int) -> int:
    """How many of some rows failed: of whole blocks as `failure_block` has it; those of the first
    and the last one are read. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    edges = {
        (first_row, min(last_row, ids_of(first)[1])),
        (max(first_row, ids_of(last)[0]), last_row),
    }
    rows = connection.execute(_FAILURES, (first + 1, last - 1, _NO_LIMIT)).fetchall()
    check_rows(connection, "failure_block", rows)
    # A core dump without a signal, which no kernel reports, is no failure.
    found: int = sum(n for _, status, n in rows if status == REFUSED or status & NOT_WELL)
    for edge in edges:
        found += scalar(connection, _FAILED_ROWS, edge)
    return found


def blocks_from(
    connection: Connection, least: Mapping[str, int], first_row: int, last_row: int
) -> set[int] | None:
    """The blocks, of those of some rows, in which an image may have taken at least so much; `least`
    is by columns of `peak_block`. None if that cannot be told. Raises DatabaseError."""
    first, last = block_of(first_row), block_of(last_row)
    told = [least[name] if least.get(name, 0) >= peak else 0 for name, peak in PEAKS_FROM.items()]
    if not any(told) or last - first >= _BLOCKS_MAX:
        return None
    rows = connection.execute(_PEAKS, (first, last, *told)).fetchall()
    check_rows(connection, "peak_block", rows)
    return {row[0] for row in rows}


_KEYS = {
    "pid_block": "pids",
    "ppid_block": "ppids",
    "origin_block": "origin_id",
    "program_block": "program_id",
}
_INSERT = {
    table: insert_sql(table, (key, "block"), conflict="IGNORE") for table, key in _KEYS.items()
}
_ADDED = "ON CONFLICT (block, failure) DO UPDATE SET count = count + excluded.count"
_COUNT_FAILURES = f"{insert_sql('failure_block', ('block', 'failure', 'count'))} {_ADDED}"
_COUNT_FAILURE_OF_ROW = (
    "INSERT INTO failure_block (failure, block, count)"
    f" SELECT ?, id >> {BLOCK_BITS}, 1 FROM image WHERE id = ? AND {UNENDED} {_ADDED}"
)
_HIGHER = ", ".join(f"{name} = max({name}, excluded.{name})" for name in PEAKS_FROM)
_RAISE = f"ON CONFLICT (block) DO UPDATE SET {_HIGHER}"
_RAISE_PEAKS = f"{insert_sql('peak_block', ('block', *PEAKS_FROM))} {_RAISE}"
_RAISE_PEAKS_OF_ROW = (
    f"INSERT INTO peak_block ({', '.join(PEAKS_FROM)}, block)"
    f" SELECT ?, ?, ?, id >> {BLOCK_BITS} FROM image WHERE id = ?"
    f" {_RAISE}"
)
_COLUMNS = {
    "origin_id": ("origin_block", 0),
    "program_id": ("program_block", 0),
    "pid": ("pid_block", PID_BITS),
    "ppid": ("ppid_block", PID_BITS),
}
# CROSS JOIN: SQLite then takes the tables in this order. Grouped, each block is read once.
_SELECT = {
    column: f"SELECT min({_KEYS[table]}), block FROM json_each(?) AS wanted CROSS JOIN {table}"
    f" ON {_KEYS[table]} = wanted.value AND block BETWEEN ? AND ? GROUP BY block"
    for column, (table, _) in _COLUMNS.items()
}
_OF_PIDS = (
    "SELECT min(pids), block FROM json_each(?) AS wanted CROSS JOIN pid_block"
    " ON pids = wanted.value GROUP BY block ORDER BY block LIMIT ?"
)
_NO_LIMIT = -1
_FAILED_ROWS = (
    "SELECT count(*) FROM image WHERE id BETWEEN ? AND ?"
    f" AND (errno IS NOT NULL OR status > 0 AND status & {NOT_WELL})"
)
_FAILURES = "SELECT * FROM failure_block WHERE block BETWEEN ? AND ? LIMIT ?"
_PEAKS = (
    "SELECT * FROM peak_block WHERE block BETWEEN ? AND ?"
    f" AND {' AND '.join(f'{name} >= ?' for name in PEAKS_FROM)}"
)
