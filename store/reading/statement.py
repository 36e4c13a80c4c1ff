"""Statements composed with SQLAlchemy, run by sqlite3."""

from sqlite3 import Connection
from typing import Any

from sqlalchemy import Select
from sqlalchemy.dialects import sqlite


class Statement:
    """Makes the SQL of a query once: that takes longer than most take to run. Parameters that the
    query leaves open are named when it is run."""

    def __init__(self, query: Select[Any]) -> None:
        compiled = query.compile(dialect=sqlite.dialect(paramstyle="named"))
        self._sql, self._values = compiled.string, compiled.params

    def rows(self, connection: Connection, **values: Any) -> list[Any]:
        return connection.execute(self._sql, {**self._values, **values}).fetchall()

    def column(self, connection: Connection, **values: Any) -> list[Any]:
        """The first value of each row."""
        return [row[0] for row in self.rows(connection, **values)]
