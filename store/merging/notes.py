"""Marks and the log of the config of another file, which belong to a machine, not to a run."""

from sqlite3 import Connection
from typing import Any

from execdb.store.file.column_types import check_rows
from execdb.store.file.sql import scalar

_MOST = 100_000  # of a table of a file: more than execdb keeps
_TEXT_MAX, _MARK_MAX = 30_000, 1_000  # characters
_PAGE = 1_000


def copy_notes(source: Connection, target: Connection) -> tuple[int, int]:
    """Adds those that are not here yet; returns how many marks, and how many changes of the config.
    Raises DatabaseError for values of a wrong type."""
    host = scalar(source, _HOST)
    own = scalar(target, _HOST)
    return (
        _copy(source, target, "mark", host, own, _MARK_MAX),
        _copy(source, target, "config_change", host, own, _TEXT_MAX),
    )


def _copy(
    source: Connection, target: Connection, table: str, host: Any, own: Any, longest: int
) -> int:
    before = target.total_changes
    columns = [row[0] for row in source.execute(_COLUMNS, (table,))]
    insert = (
        f"INSERT OR IGNORE INTO merged_{table} (host, {', '.join(columns)})"
        f" SELECT ?1{''.join(f', ?{n}' for n in range(2, len(columns) + 2))}"
        f" WHERE NOT (?1 IS ?{len(columns) + 2} AND EXISTS"
        f" (SELECT 1 FROM {table} WHERE (id, time_ns) = (?2, ?{columns.index('time_ns') + 2})))"
    )
    for name, first in ((table, (host,)), (f"merged_{table}", ())):
        if name == table and host is None:
            continue
        cursor = source.execute(f"SELECT * FROM {name} ORDER BY id DESC LIMIT {_MOST}")
        while rows := cursor.fetchmany(_PAGE):
            check_rows(source, name, rows)
            values = [(*first, *row, own) for row in rows]
            target.executemany(insert, [tuple(_short(v, longest) for v in row) for row in values])
    return target.total_changes - before


def _short(value: Any, longest: int) -> Any:
    return value[:longest] if isinstance(value, str | bytes) else value


_HOST = "SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1"
_COLUMNS = "SELECT name FROM pragma_table_info(?)"
