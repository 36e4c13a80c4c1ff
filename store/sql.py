"""What sqlite3 leaves to its users."""

from collections.abc import Sequence
from sqlite3 import Connection, Cursor
from typing import Any


def scalar(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Any:
    """The first value of the first row; None if there is no row."""
    row = connection.execute(sql, parameters).fetchone()
    return None if row is None else row[0]


def insert_sql(table: str, columns: Sequence[str], *, conflict: str = "ABORT") -> str:
    """The INSERT of one row, by place."""
    places = ", ".join("?" * len(columns))
    return f"INSERT OR {conflict} INTO {table} ({', '.join(columns)}) VALUES ({places})"


def dicts(cursor: Cursor, rows: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    """These rows, which are the cursor's, by the names of its columns."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in rows]
