"""Equal values stored once: what a row refers to gets an id, new values are written in bulk."""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.dialects import sqlite

from execdb.store import schema
from execdb.store.event import Command, Creds, Place, Start, json_of
from execdb.store.inserts import Inserts

T = TypeVar("T")
_ENTRIES = 8_192  # remembered at once, of all kinds
_STARTS = 1_536  # known by their identity; a build has some 1,100
_CHARS = 4_000_000  # what the former may hold together, and what the latter
_STRING = 50  # bytes of a string but for its characters


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
    """Ids of the values of one table: `interned[value]`."""

    def __init__(
        self,
        dictionary: "Dictionary",
        table: Table,
        row: Callable[[T], tuple[Any, ...]],
        size: Callable[[T], int],
    ) -> None:
        self._dictionary, self._row, self._size = dictionary, row, size
        self._inserts = Inserts(insert_sql(table))
        self._new: list[Any] = []  # the columns of each new row

    def __missing__(self, value: T) -> int:
        row = self._row(value)  # its parts may be new, too
        number = self[value] = self._dictionary.take(self._size(value))
        self._new += (number, *row)
        return number

    def flush(self, connection: Connection) -> None:
        if self._new:
            self._inserts.run(connection, self._new)
            self._new = []

    def forget(self) -> None:
        self.clear()
        self._new = []


class Dictionary:
    """What the rows of a segment refer to: origins, commands, and these's programs and arguments,
    with ids from one sequence, `first_id` to `last_id`.

    When it is `full` a new one is to be begun: an equal value is then stored again, which
    bounds memory here and makes old rows independent of new ones.
    """

    def __init__(self) -> None:
        self.origins: Interned[tuple[Creds, Place]] = Interned(
            self, schema.origin, _origin_row, _origin_size
        )
        self.commands: Interned[Command] = Interned(
            self, schema.command, self._command_row, lambda command: 8 * len(command.argv)
        )
        self.programs: Interned[tuple[str, str]] = Interned(
            self, schema.program, lambda names: (*map(storable, names),), lambda names: 0
        )
        self.arguments: Interned[str] = Interned(
            self, schema.argument, lambda text: (json_of(text),), len
        )
        self._tables = (self.origins, self.programs, self.arguments, self.commands)
        self.starts: dict[int, tuple[int, int, Start]] = {}
        self._starts_size = 0
        self._chars = 0
        self.first_id = self._next = 1

    def begin(self, connection: Connection) -> None:
        """Begins an empty one, behind all that are stored."""
        self.forget()
        tables = (schema.origin, schema.program, schema.argument, schema.command)
        last = (connection.scalar(select(func.max(table.c.id))) or 0 for table in tables)
        self.first_id = self._next = max(last) + 1

    @property
    def last_id(self) -> int:
        return self._next - 1

    @property
    def full(self) -> bool:
        return self._next - self.first_id >= _ENTRIES or self._chars >= _CHARS

    def take(self, chars: int) -> int:
        """The next id, for a value of that size."""
        self._next += 1
        self._chars += chars
        return self._next - 1

    def ids_of(self, start: Start) -> tuple[int, int, Start]:
        """The ids of its origin and its command, which `starts` then has under its identity (and
        the start itself, so that no other gets that identity)."""
        if len(self.starts) >= _STARTS or self._starts_size >= _CHARS:
            self.starts.clear()
            self._starts_size = 0
        creds, command, place, _ = start
        self._starts_size += sum(map(len, command.argv), _STRING * len(command.argv))
        found = self.origins[creds, place], self.commands[command], start
        self.starts[id(start)] = found
        return found

    def _command_row(self, command: Command) -> tuple[Any, ...]:
        arguments = self.arguments
        ids = ",".join([str(arguments[argument]) for argument in command.argv])
        return (
            self.programs[command.filename, command.comm],
            f"[{ids}]",
            command.argc,
            command.truncated,
        )

    def flush(self, connection: Connection) -> None:
        for table in self._tables:
            table.flush(connection)

    def forget(self) -> None:
        for table in self._tables:
            table.forget()
        self.starts.clear()
        self._chars = self._starts_size = 0


def _origin_row(origin: tuple[Creds, Place]) -> tuple[Any, ...]:
    creds, place = origin
    return (
        creds.uid,
        creds.euid,
        creds.gid,
        creds.loginuid,
        creds.sessionid,
        storable(creds.tty),
        storable(creds.message),
        storable(place.cwd),
        storable(place.cgroup),
    )


def _origin_size(origin: tuple[Creds, Place]) -> int:
    place = origin[1]
    return 50 + len(place.cwd or "") + len(place.cgroup or "")
