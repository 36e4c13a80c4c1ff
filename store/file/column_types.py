"""Checks that values have the types of their columns: SQLite keeps any value in any column."""

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

from execdb.store.errors import DatabaseError

_Kinds = list[tuple[str, frozenset[type]]]  # the columns of a table, and what each may hold
_known: dict[str, _Kinds] = {}


def check_rows(connection: Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Raises DatabaseError for a value that does not have the type of its column. `rows` are whole
    rows of a table of ours, columns in order. Text may be bytes: see `text.storable`."""
    kinds = _known.get(table) or _known.setdefault(table, _kinds(connection, table))
    for (column, allowed), values in zip(kinds, zip(*rows, strict=True), strict=False):
        wrong = set(map(type, values)) - allowed
        if wrong:
            raise DatabaseError(
                f"the database is inconsistent: {table}.{column} is "
                f"{'missing' if type(None) in wrong else 'of a type that it cannot have'}"
            )


def _kinds(connection: Connection, table: str) -> _Kinds:
    """From the schema, which has been verified when a database is open."""
    rows = connection.execute('SELECT name, type, "notnull" FROM pragma_table_info(?)', (table,))
    return [
        (name, frozenset((*_TYPES[kind], *([] if required else [type(None)]))))
        for name, kind, required in rows
    ]


_TYPES: dict[str, tuple[type, ...]] = {"INTEGER": (int,), "TEXT": (str, bytes)}
