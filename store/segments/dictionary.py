"""Writing the dictionary: values that recur get an id and are stored once, in bulk."""

from collections.abc import Callable, Sequence
from sqlite3 import Connection
from sys import getsizeof
from typing import Any, TypeVar

from execdb.store.bounded_cache import BoundedCache
from execdb.store.event import Command, Creds, Place, Start
from execdb.store.fields import FIELD_OF
from execdb.store.file.sql import BulkInsert, scalar
from execdb.store.file.text import storable
from execdb.store.json_text import json_of

T = TypeVar("T")
Id = TypeVar("Id")
# Of a start: the uid; the ids of its origin, program and command; the caller; and the start itself,
# so that no other object gets its identity.
Refers = tuple[int, int, int, int, str | None, Start]
_ENTRIES_MAX = 16_384  # of one dictionary, of all kinds
_STARTS_MAX = 1_536  # known by their identity; a build has some 1,100
BYTES_MAX = 4_000_000  # of memory: for the entries, and again for the starts
_STRING_BYTES = 60  # what a string takes besides its characters


class Interned(dict[T, Id]):
    """Ids of the values of one table: `interned[value]`, as a number or as text."""

    def __init__(
        self,
        dictionary: "Dictionary",
        table: str,
        columns: Sequence[str],
        row: Callable[[T], tuple[Any, ...]],
        id_of: Callable[[int], Id],
    ) -> None:
        """`row` returns the columns after the id."""
        self._dictionary, self._row = dictionary, row
        self._id_of = id_of
        self._width = 1 + len(columns)
        self._inserts = BulkInsert(table, ("id", *columns))
        self._new: list[Any] = []  # the columns of each new row

    def __missing__(self, value: T) -> Id:
        row = self._row(value)  # this may add parts that are new as well
        number = self._dictionary.next_id
        self._dictionary.next_id = number + 1
        self._new += (number, *row)
        found = self[value] = self._id_of(number)
        return found

    def new_bytes(self, *columns: int) -> int:
        """The bytes that these columns of the new rows take in memory. They must hold text."""
        new, width = self._new, self._width
        return sum(sum(map(getsizeof, new[column::width])) for column in columns)

    def flush(self, connection: Connection) -> None:
        if self._new:
            self._inserts.run(connection, self._new)
            self._new = []

    def forget(self) -> None:
        self.clear()
        self._new = []


class Commands(BoundedCache[Command, tuple[int, int]]):
    """Ids of programs and commands, for a caller that has no starts: `commands[command]` is the id
    of its program, and its own. Known by value: an import reads equal commands again for each
    chunk."""

    def __init__(self, ids_of: Callable[[Command], tuple[int, int]]) -> None:
        super().__init__(_ENTRIES_MAX, BYTES_MAX)
        self._ids_of = ids_of

    def __missing__(self, command: Command) -> tuple[int, int]:
        return self.keep(command, self._ids_of(command), _size_of(command))


def _cache(most: int) -> BoundedCache[Any, Any]:
    return BoundedCache(most, BYTES_MAX)


def _size_of(command: Command) -> int:
    """What its arguments take in memory."""
    argv = command.argv
    return getsizeof("".join(argv)) + _STRING_BYTES * len(argv)


class Dictionary:
    """What the rows of a segment refer to: origins, commands, and the programs and arguments of
    commands, with ids from one sequence, `first_id` to `last_id`.

    When it is `full` the next segment must begin a new one. Values that recur are then stored
    again: so memory is bounded here, and old rows do not depend on new ones.
    """

    def __init__(self) -> None:
        self.origins: Interned[tuple[Creds, Place], int] = Interned(
            self, "origin", _ORIGIN, lambda origin: _origin_columns(*origin), int
        )
        # A command is looked up by its columns. Its arguments are ids there, which is short and
        # keeps no copy of the arguments in memory.
        self._commands: Interned[tuple[int, str, int, int], int] = Interned(
            self, "command", _COMMAND, tuple, int
        )
        self.commands = Commands(self._ids_of_command)
        self.programs: Interned[tuple[Any, ...], int] = Interned(
            self, "program", PROGRAM, _columns, int
        )
        # Their ids stand in the text of a command: as text from the start, they are only joined.
        self.arguments: Interned[str, str] = Interned(
            self, "argument", ("text",), lambda text: (json_of(text),), str
        )
        self._tables = (self.origins, self.programs, self.arguments, self._commands)
        self.starts: BoundedCache[int, Refers] = _cache(_STARTS_MAX)
        self._bytes = 0
        self.bytes_max = BYTES_MAX
        self.first_id = self.next_id = 1

    def begin(self, connection: Connection) -> None:
        """Begins an empty one. Its ids come after those of all stored entries."""
        self.forget()
        last = (scalar(connection, f"SELECT max(id) FROM {name}") or 0 for name in _TABLES)
        self.first_id = self.next_id = max(last) + 1

    @property
    def last_id(self) -> int:
        return self.next_id - 1

    @property
    def full(self) -> bool:
        return self.next_id - self.first_id >= _ENTRIES_MAX or self._bytes >= self.bytes_max

    def ids_of(self, start: Start) -> Refers:
        """What its rows refer to. `starts` then has it under the identity of the start."""
        creds, command, place, caller = start
        ids = self._ids_of_command(command)
        found = creds.uid, self.origins[creds, place], *ids, caller, start
        return self.starts.keep(id(start), found, _size_of(command))

    def _ids_of_command(self, command: Command) -> tuple[int, int]:
        filename, comm, argv, argc, truncated, *executable = command
        ids = f"[{','.join(map(self.arguments.__getitem__, argv))}]"
        # `truncated` as an int: for any other type sqlite3 looks for an adapter.
        program_id = self.programs[filename, comm, *executable]
        return program_id, self._commands[program_id, ids, argc, 1 if truncated else 0]

    def flush(self, connection: Connection) -> None:
        self._bytes += self.origins.new_bytes(*_ORIGIN_TEXTS) + self.programs.new_bytes(1, 3)
        self._bytes += self.arguments.new_bytes(1) + self._commands.new_bytes(2)
        for table in self._tables:
            table.flush(connection)

    def forget(self) -> None:
        for table in self._tables:
            table.forget()
        self.starts.clear()
        self.commands.clear()
        self._bytes = 0


_TABLES = ("origin", "program", "argument", "command")
_ORIGIN = (*Creds._fields, *Place._fields)
_ORIGIN_TEXTS = [place for place, name in enumerate(_ORIGIN, 1) if FIELD_OF[name].kind.is_text]
PROGRAM = ("filename", "comm", "exe", "exe_device", "exe_inode", "exe_deleted")
_COMMAND = ("program_id", "arguments", "argc", "truncated")


def _origin_columns(creds: Creds, place: Place) -> tuple[Any, ...]:
    return _columns((*creds, *place))


def _columns(values: tuple[Any, ...]) -> tuple[Any, ...]:
    # True and False as ints: for any other type sqlite3 looks for an adapter.
    return tuple(
        [
            storable(value) if type(value) is str else int(value) if type(value) is bool else value
            for value in values
        ]
    )
