"""Whether rows hold what their columns say: SQLite keeps any value in any column."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, Integer, Table

from execdb.store.errors import DatabaseError


def check_rows(table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Raises DatabaseError for a value of another type than its column's, in whole rows of the
    table. Text may be bytes: see `intern.storable`."""
    for (column, kinds), values in zip(_kinds(table), zip(*rows, strict=True), strict=False):
        wrong = set(map(type, values)) - kinds
        if wrong:
            raise DatabaseError(
                f"the database does not hold together: {table.name}.{column} is "
                f"{'missing' if type(None) in wrong else 'of a type that it cannot have'}"
            )


@cache
def _kinds(table: Table) -> list[tuple[str, frozenset[type]]]:
    return [(column.name, _types(column)) for column in table.columns]


def _types(column: Column[Any]) -> frozenset[type]:
    kinds: tuple[type, ...] = (int,) if isinstance(column.type, Integer) else (str, bytes)
    return frozenset((*kinds, type(None)) if column.nullable else kinds)
