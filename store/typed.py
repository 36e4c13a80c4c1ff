"""Whether rows hold what their columns say: SQLite keeps any value in any column."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Integer, Table

from execdb.store.errors import DatabaseError


def check_rows(table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Raises DatabaseError for a value of another type than its column's, in whole rows of the
    table. Text may be bytes: see `intern.storable`."""
    for row in rows:
        for column, value in zip(table.columns, row, strict=True):
            if value is None:
                good = bool(column.nullable)
            else:
                good = type(value) in ((int,) if isinstance(column.type, Integer) else (str, bytes))
            if not good:
                raise DatabaseError(
                    f"the database does not hold together: {table.name}.{column.name} is "
                    f"{'missing' if value is None else 'of a type that it cannot have'}"
                )
