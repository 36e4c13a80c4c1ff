"""Short forms of what is often done with sqlite3."""

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
        self._one = insert_sql(table, columns)
        self._many = self._one + f", ({', '.join('?' * self._width)})" * (_TOGETHER - 1)

    def run(self, connection: Connection, values: list[Any]) -> None:
        """Stores rows; `values` are those of all rows, one after the other. Raises DatabaseError if
        the database does anything else than store each of them, as a trigger may."""
        before, stored = connection.total_changes, 0
        step = self._width * _TOGETHER
        whole = len(values) - len(values) % step
        for sql, starts, size in (
            (self._many, range(0, whole, step), step),
            (self._one, range(whole, len(values), self._width), self._width),
        ):
            if starts:
                rows = [tuple(values[at : at + size]) for at in starts]
                stored += connection.executemany(sql, rows).rowcount
        wanted = len(values) // self._width
        if not stored == connection.total_changes - before == wanted:
            raise DatabaseError(
                f"the database did not store {wanted} rows of {self._table} as they were given: "
                "run execdb doctor"
            )


_TOGETHER = 32  # rows: storing one by one, more than half of the time is the statement's


def dicts(cursor: Cursor, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """The rows of a cursor as dicts, by the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in rows]
