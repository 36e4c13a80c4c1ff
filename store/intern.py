"""Equal values stored once: commands and credentials get ids, new ones are written in bulk."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects import sqlite

from execdb.store import schema
from execdb.store.event import Command, Creds, Place, json_of

T = TypeVar("T")
_REMEMBERED = 8_192  # values; a command line is 100 bytes on average
_REMEMBERED_CHARS = 4_000_000  # and what they may hold together


@overload
def storable(text: str) -> str | bytes: ...
@overload
def storable(text: str | None) -> str | bytes | None: ...
def storable(text: str | None) -> str | bytes | None:
    """Text as SQLite can hold it: bytes that are not UTF-8 make it a blob, which reads back the
    same and which no reader of the file trips over."""
    if text is None or text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogateescape")
    return text


@overload
def readable(value: str | bytes) -> str: ...
@overload
def readable(value: str | bytes | None) -> str | None: ...
def readable(value: str | bytes | None) -> str | None:
    """The inverse of `storable`."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def insert_sql(table: Table) -> str:
    """The INSERT of a whole row, for executemany with tuples."""
    return str(insert(table).compile(dialect=sqlite.dialect(paramstyle="qmark")))


class Interned(dict[T, int]):
    """Ids of the values of one table, within write transactions: `interned[value]`.

    Remembers a bounded number; a value that was forgotten is stored again under a new id,
    which costs space and nothing else. Call `begin` first in each transaction, `flush` last, and
    `forget` when it was rolled back.
    """

    def __init__(
        self, table: Table, row: Callable[[T], tuple[Any, ...]], size: Callable[[T], int]
    ) -> None:
        self._table, self._row, self._size = table, row, size
        self._sql = insert_sql(table)
        self._chars = 0
        self._new: list[tuple[Any, ...]] = []
        self._next = 1

    def begin(self, connection: Connection) -> None:
        self._next = (connection.scalar(select(func.max(self._table.c.id))) or 0) + 1

    def __missing__(self, value: T) -> int:
        if len(self) >= _REMEMBERED or self._chars >= _REMEMBERED_CHARS:
            self._forget_values()
        number = self[value] = self._next
        self._next += 1
        self._chars += self._size(value)
        self._new.append((number, *self._row(value)))
        return number

    def flush(self, connection: Connection) -> None:
        if self._new:
            connection.exec_driver_sql(self._sql, self._new)
            self._new = []

    def _forget_values(self) -> None:
        self.clear()
        self._chars = 0

    def forget(self) -> None:
        self._forget_values()
        self._new = []


def _command_row(command: Command) -> tuple[Any, ...]:
    return (
        storable(command.filename),
        storable(command.comm),
        json_of(command.argv),
        command.argc,
        command.truncated,
    )


def _creds_row(creds: Creds) -> tuple[Any, ...]:
    return (
        creds.uid,
        creds.euid,
        creds.gid,
        storable(creds.message),
        creds.loginuid,
        creds.sessionid,
        storable(creds.tty),
    )


def _place_row(place: Place) -> tuple[Any, ...]:
    return storable(place.cwd), storable(place.cgroup)


class Interner:
    """The interned tables together, so that none is forgotten."""

    def __init__(self) -> None:
        self.commands: Interned[Command] = Interned(
            schema.command, _command_row, lambda command: sum(map(len, command.argv)) + 50
        )
        self.creds: Interned[Creds] = Interned(schema.creds, _creds_row, lambda creds: 50)
        self.places: Interned[Place] = Interned(
            schema.place, _place_row, lambda place: len(place.cwd or "") + len(place.cgroup or "")
        )

    def begin(self, connection: Connection) -> None:
        for table in (self.commands, self.creds, self.places):
            table.begin(connection)

    def flush(self, connection: Connection) -> None:
        for table in (self.commands, self.creds, self.places):
            table.flush(connection)

    def forget(self) -> None:
        for table in (self.commands, self.creds, self.places):
            table.forget()
