"""Short forms of what is often done with sqlite3."""

import sqlite3
from collections.abc import Sequence
from sqlite3 import Connection, Cursor
from typing import Any

from execdb.store.errors import DatabaseError


def scalar(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The first value of the first row; None if there is no row."""
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else row[0]


def insert_sql(table: str, columns: Sequence[str], *, conflict: str = "ABORT") -> str:
    """The INSERT statement of one row, with a `?` for each column."""
    places = ", ".join("?" * len(columns))
    return f"INSERT OR {conflict} INTO {table} ({', '.join(columns)}) VALUES ({places})"


class BulkInsert:
    """Writes many rows into one table, several to a statement."""

    def __init__(self, table: str, columns: Sequence[str]) -> None:
        self._table, self._width = table, len(columns)
        one = insert_sql(table, columns)
        more = f", ({', '.join('?' * self._width)})"
        self._statements = [(count, one + more * (count - 1)) for count in _TOGETHER]

    def run(self, connection: Connection, values: list[Any]) -> None:
        """Stores rows; `values` are those of all rows, one after the other. Raises DatabaseError if
        the database does anything else than store each of them, as a trigger may."""
        before, stored, at = connection.total_changes, 0, 0
        for count, sql in self._statements:
            size = self._width * count
            end = len(values) - (len(values) - at) % size
            if at < end:
                rows = [values[start : start + size] for start in range(at, end, size)]
                stored += connection.executemany(sql, rows).rowcount
                at = end
        wanted = len(values) // self._width
        if not stored == connection.total_changes - before == wanted:
            raise DatabaseError(
                f"the database did not store {wanted} rows of {self._table} as they were given: "
                "run execdb doctor"
            )


# Rows of a statement: storing one by one, more than half of the time is the statement's.
_TOGETHER = (64, 8, 1)

# Binding a None, sqlite3 searches for an adapter, which takes ten times as long as binding a
# number. It finds this one at once: None for None.
sqlite3.register_adapter(type(None), {None: None}.get)


def dicts(cursor: Cursor, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows of a cursor as dicts, by the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in rows]
