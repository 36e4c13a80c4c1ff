"""Many rows into one table: several to a statement."""

from typing import Any

from sqlalchemy import Connection

_TOGETHER = 32  # rows: more than half of what it takes to store one is the statement


class Inserts:
    """Runs `INSERT ... VALUES (?, ...)`, the statement of one row."""

    def __init__(self, sql: str) -> None:
        self._width = sql.count("?")
        self._one = sql
        self._many = sql + f", ({', '.join('?' * self._width)})" * (_TOGETHER - 1)

    def run(self, connection: Connection, values: list[Any]) -> None:
        """`values` are those of all rows, one after the other."""
        step = self._width * _TOGETHER
        whole = len(values) - len(values) % step
        for sql, starts, size in (
            (self._many, range(0, whole, step), step),
            (self._one, range(whole, len(values), self._width), self._width),
        ):
            if starts:
                rows = [tuple(values[at : at + size]) for at in starts]
                connection.exec_driver_sql(sql, rows)
