"""The tables that queries use, as SQLAlchemy Core objects with the columns of `schema.sql`."""

import sqlite3
from contextlib import closing

from sqlalchemy import Integer, TableClause, Text, column, table

from execdb.store.schema.definition import sql_by_name

_TYPES = {"INTEGER": Integer, "TEXT": Text}


def _table(name: str) -> TableClause:
    with closing(sqlite3.connect(":memory:")) as empty:
        empty.execute(sql_by_name()[f"table {name}"])
        columns = empty.execute("SELECT name, type FROM pragma_table_info(?)", (name,)).fetchall()
    return table(name, *(column(each, _TYPES[kind]) for each, kind in columns))


image = _table("image")
segment = _table("segment")
origin = _table("origin")
program = _table("program")
command = _table("command")
argument = _table("argument")
