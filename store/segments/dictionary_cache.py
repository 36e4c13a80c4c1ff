"""Reading the dictionary: what rows refer to by id, checked and cached."""

import json
from collections.abc import Container, Iterable, Sequence
from itertools import chain
from operator import itemgetter
from sqlite3 import Connection
from sys import getsizeof
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.fields import FIELDS, Field, runs_of
from execdb.store.file.text import COUNT_MAX, NAME_MAX, readable, too_long
from execdb.store.kinds import Group, Kind
from execdb.store.segments.image import COMMAND_ID, ORIGIN_ID

_ENTRIES_MAX = 16_384  # cached origins, and cached commands
_BYTES_MAX = 8_000_000  # of memory for the cache
_PAGE_BYTES_MAX = 4_000_000  # of memory that are fetched for one page
_TOGETHER = 8  # entries that are fetched at a time, whatever their size


def _name(column: str) -> str:
    """SQL: the column, or 0, which is not text, if it is longer than a name can be."""
    return f"CASE WHEN length({column}) > {NAME_MAX} THEN 0 ELSE {column} END"


# The keys of an origin in the order of an event, in which they stand before and after the command.
_WHO, _WHERE = (run for group, run in runs_of(FIELDS) if group is Group.ORIGIN)
_ORIGIN = (*_WHO, *_WHERE)
_columns = (_name(field.name) if field.kind.is_text else field.name for field in _ORIGIN)
# CROSS JOIN: SQLite then takes the tables in this order.
_ORIGINS = (
    f"SELECT origin.id, {', '.join(_columns)} FROM json_each(?) AS wanted"
    " CROSS JOIN origin ON origin.id = wanted.value"
)
_COMMANDS = (
    f"SELECT command.id, {_name('comm')}, {_name('filename')}, arguments, argc, truncated,"
    f" {_name('exe')}, {_name('exe_device')}, exe_inode, exe_deleted"
    " FROM json_each(?) AS wanted CROSS JOIN command ON command.id = wanted.value"
    " CROSS JOIN program ON program.id = program_id"
)
_ARGUMENTS = (
    "SELECT argument.id, text FROM json_each(?) AS wanted"
    " CROSS JOIN argument ON argument.id = wanted.value"
)
_TOO_LONG = "a command has more arguments than Linux allows"


class DictionaryCache:
    """Origins and commands by id, with their values in the order of an event. Call `learn` before
    looking anything up."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._bytes = 0
        self._arguments: dict[int, str] = {}
        self.origins: dict[int, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
        self.commands: dict[int, tuple[Any, ...]] = {}

    def learn(self, connection: Connection, rows: Sequence[Any]) -> Sequence[Any]:
        """Fetches what these rows of `image` refer to, unless it is cached. Returns the rows for
        which all is known: if they refer to very much, only the first ones, but at least one.
        Raises DatabaseError for values of the wrong type. Missing entries stay unknown."""
        if max(len(self.origins), len(self.commands)) > _ENTRIES_MAX or self._bytes > _BYTES_MAX:
            for known in (self.origins, self.commands, self._arguments):
                known.clear()
            self._bytes = 0
        learnt = self._learn(connection, rows, _PAGE_BYTES_MAX)
        if not learnt and rows:
            learnt = self._learn(connection, rows[:1], None)
        return rows[:learnt]

    def _learn(self, connection: Connection, rows: Sequence[Any], most: int | None) -> int:
        """Fetches about `most` bytes. Returns for how many of the first rows all is known."""
        wanted = map(itemgetter(ORIGIN_ID), rows)
        origins, complete = _fetch(connection, _ORIGINS, wanted, self.origins, most)
        for number, *values in origins:
            self.origins[number] = self._origin(values)
            self._bytes += sum(map(getsizeof, values))
        wanted = map(itemgetter(COMMAND_ID), rows)
        found, all_found = _fetch(connection, _COMMANDS, wanted, self.commands, most)
        if any(type(row[3]) is str and row[3].count(",") > COUNT_MAX for row in found):
            raise self._broken(_TOO_LONG)
        lists = self._json([row[3] for row in found], list)
        if not all(set(map(type, ids)) <= {int} for ids in lists):
            raise self._broken("a command's arguments are no list")
        complete &= all_found & self._learn_arguments(connection, lists, most)
        self._add_commands(found, lists, partly=not complete)
        return len(rows) if complete else self._known(rows)

    def _add_commands(self, found: Sequence[Any], lists: list[list[int]], partly: bool) -> None:
        """With `partly` only those of which all arguments are known."""
        arguments = self._arguments
        text, int_ = self._text_or_none, self._int
        for row, ids in zip(found, lists, strict=True):
            number, comm, filename, _, argc, truncated, exe, device, inode, deleted = row
            if partly and not all(id_ in arguments for id_ in ids):
                continue
            argv = tuple([arguments[id_] for id_ in ids])
            if too_long(argv):  # one argument may be listed many times
                raise self._broken(_TOO_LONG)
            self.commands[number] = (
                self.text(comm), self.text(filename), argv, int_(argc), bool(truncated), text(exe),
                text(device), None if inode is None else int_(inode), bool(deleted),
            )  # fmt: skip
            self._bytes += 8 * len(argv) + len(filename)

    def _known(self, rows: Sequence[Any]) -> int:
        """How many of the first rows have all they refer to in the cache."""
        origins, commands = self.origins, self.commands
        for number, row in enumerate(rows):
            if row[ORIGIN_ID] not in origins or row[COMMAND_ID] not in commands:
                return number
        return len(rows)

    def _learn_arguments(
        self, connection: Connection, lists: list[list[int]], most: int | None
    ) -> bool:
        """Returns whether all of them were fetched."""
        # In the order of use, so that the first rows are complete first.
        wanted = dict.fromkeys(id_ for ids in lists for id_ in ids)
        found, complete = _fetch(connection, _ARGUMENTS, wanted, self._arguments, most)
        texts = self._json([row[1] for row in found], str)
        self._arguments.update(zip([row[0] for row in found], texts, strict=True))
        self._bytes += sum(map(getsizeof, texts))
        return complete

    def _origin(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        checked = [self._of(field, value) for field, value in zip(_ORIGIN, values, strict=True)]
        return tuple(checked[: len(_WHO)]), tuple(checked[len(_WHO) :])

    def _of(self, field: Field, value: Any) -> Any:
        """The value of a key, checked. Raises DatabaseError for one of another kind."""
        if value is None and field.nullable:
            return None
        if field.kind.is_text:
            return self.text(value)
        return bool(value) if field.kind is Kind.BOOL else self._int(value)

    def _json(self, texts: list[Any], kind: type) -> list[Any]:
        """These JSON texts parsed in one go, which is quicker. One text cannot continue in the
        next: a JSON string does not contain a raw newline."""
        try:
            values: list[Any] = json.loads("[" + ",\n".join(texts) + "]")
        except (ValueError, TypeError, RecursionError):
            raise self._broken("a value should be JSON and is not") from None
        if len(values) != len(texts) or not set(map(type, values)) <= {kind}:
            raise self._broken("a JSON value is of the wrong type")
        return values

    def text(self, value: Any) -> str:
        """The value as a string. Raises DatabaseError if it is not text."""
        if not isinstance(value, str | bytes):
            raise self._broken("a value should be text and is not")
        return readable(value)

    def _text_or_none(self, value: Any) -> str | None:
        return None if value is None else self.text(value)

    def _int(self, value: Any) -> int:
        if type(value) is not int:
            raise self._broken("a value should be a number and is not")
        return value

    def _broken(self, what: str) -> DatabaseError:
        return DatabaseError(f"{self._path} is inconsistent: {what}")


def _fetch(
    connection: Connection,
    sql: str,
    ids: Iterable[int],
    known: Container[int],
    most: int | None,
) -> tuple[list[Any], bool]:
    """The entries with these ids in this order, without those that are `known`; stops at about
    `most` bytes. Returns also whether these are all of them."""
    wanted = [id_ for id_ in dict.fromkeys(ids) if id_ not in known]
    if not wanted:
        return [], True
    cursor = connection.execute(sql, (json.dumps(wanted),))
    if most is None:
        return cursor.fetchall(), True
    found: list[Any] = []
    while more := cursor.fetchmany(_TOGETHER):
        found += more
        most -= sum(map(getsizeof, chain.from_iterable(more)))
        if most <= 0:
            return found, cursor.fetchone() is None
    return found, True
