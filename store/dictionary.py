"""Reading the dictionary: what rows refer to by id, checked, and kept at hand."""

import json
from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

from execdb.store.errors import DatabaseError
from execdb.store.intern import readable
from execdb.store.sentences import VALUE_MAX

_ENTRIES = 16_384  # at hand, of a kind
_CHARS = 8_000_000  # of arguments at hand

_ORIGINS = (
    "SELECT id, uid, euid, gid, loginuid, sessionid, tty, cwd, cgroup, message FROM origin"
    " WHERE id IN (SELECT value FROM json_each(?))"
)
_COMMANDS = (
    "SELECT command.id, comm, filename, arguments, argc, truncated"
    " FROM command JOIN program ON program.id = program_id"
    " WHERE command.id IN (SELECT value FROM json_each(?))"
)
_ARGUMENTS = "SELECT id, text FROM argument WHERE id IN (SELECT value FROM json_each(?))"


class Lookup:
    """Origins and commands by id, in the order in which an event has them. `learn` first."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._chars = 0
        self._arguments: dict[int, str] = {}
        self.origins: dict[int, tuple[tuple[Any, ...], tuple[Any, ...]]] = {}
        self.commands: dict[int, tuple[Any, ...]] = {}

    def learn(self, connection: Connection, rows: Sequence[Any]) -> None:
        """Fetches what these rows of `image` refer to and is not at hand. Raises DatabaseError
        for what is not of its kind; what is not there stays unknown."""
        if max(len(self.origins), len(self.commands)) > _ENTRIES or self._chars > _CHARS:
            for known in (self.origins, self.commands, self._arguments):
                known.clear()
            self._chars = 0
        origins = {row[4] for row in rows}.difference(self.origins)
        for number, *values in _fetch(connection, _ORIGINS, origins):
            self.origins[number] = self._origin(*values)
        commands = {row[5] for row in rows}.difference(self.commands)
        found = _fetch(connection, _COMMANDS, commands)
        lists = self._json([row[3] for row in found], list)
        if not all(set(map(type, ids)) <= {int} for ids in lists):
            raise self._broken("a command's arguments are no list")
        self._learn_arguments(connection, {id_ for ids in lists for id_ in ids})
        arguments = self._arguments
        for (number, comm, filename, _, argc, truncated), ids in zip(found, lists, strict=True):
            argv = tuple([arguments[id_] for id_ in ids])
            if sum(map(len, argv)) > VALUE_MAX:  # one argument may be referred to many times
                raise self._broken("a command has more arguments than Linux allows")
            self.commands[number] = (
                self.text(comm), self.text(filename), argv, self._int(argc), bool(truncated)
            )  # fmt: skip

    def _learn_arguments(self, connection: Connection, wanted: set[int]) -> None:
        found = _fetch(connection, _ARGUMENTS, wanted.difference(self._arguments))
        texts = self._json([row[1] for row in found], str)
        self._arguments.update(zip([row[0] for row in found], texts, strict=True))
        self._chars += sum(map(len, texts))

    def _origin(
        self, uid: Any, euid: Any, gid: Any, loginuid: Any, sessionid: Any, tty: Any, cwd: Any,
        cgroup: Any, message: Any,
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:  # fmt: skip
        who = (
            *map(self._int, (uid, euid, gid)),
            *(None if value is None else self._int(value) for value in (loginuid, sessionid)),
            None if tty is None else self.text(tty),
        )
        where = (None if value is None else self.text(value) for value in (cwd, cgroup))
        return who, (*where, self.text(message))

    def _json(self, texts: list[Any], kind: type) -> list[Any]:
        """The values of these, parsed in one go, which is quicker. They cannot run
        into each other: no text goes on behind a raw newline."""
        try:
            values: list[Any] = json.loads("[" + ",\n".join(texts) + "]")
        except (ValueError, TypeError, RecursionError):
            raise self._broken("what should be JSON is not") from None
        if len(values) != len(texts) or not set(map(type, values)) <= {kind}:
            raise self._broken("what should be JSON of a kind is of another")
        return values

    def text(self, value: Any) -> str:
        """Raises DatabaseError for what is none."""
        if not isinstance(value, str | bytes):
            raise self._broken("something else stands where text should")
        return readable(value)

    def _int(self, value: Any) -> int:
        if type(value) is not int:
            raise self._broken("text stands where a number should")
        return value

    def _broken(self, what: str) -> DatabaseError:
        return DatabaseError(f"{self._path} is inconsistent: {what}")


def _fetch(connection: Connection, sql: str, ids: Iterable[int]) -> Sequence[Any]:
    wanted = list(ids)
    return connection.execute(sql, (json.dumps(wanted),)).fetchall() if wanted else []
