"""The config table: the truth about which uid has which message.

The kernel's map is its mirror; a collector makes it so and confirms the generation. Rows that no
execdb has written are believed as far as the map can hold them: the file may come from anywhere.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from execdb.store.config.entry import ENTRIES_MAX, UID_MAX, check_message, check_uid
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar

DEFAULT_MESSAGE = "Hello World"
_LENGTH_MAX = 65_536  # bytes of a value that is looked at; no SQL of the schema is longer
_OUTSIDE_MAX = 23  # rows that are named, of those whose uid is none
_GENERATION_MAX = 1 << 62


@dataclass(frozen=True)
class Refused:
    """What stands in the tables and cannot be in the kernel. `uid` is None where it is not an
    entry."""

    uid: int | None
    why: str

    def __str__(self) -> str:
        return self.why if self.uid is None else f"uid {self.uid}: {self.why}"


@dataclass(frozen=True)
class Config:
    """A snapshot. `in_kernel` is the generation that a collector has confirmed last, `default` is
    None where what stands there cannot be one."""

    generation: int
    in_kernel: int
    default: str | None
    entries: Mapping[int, str]
    refused: Sequence[Refused] = ()


class ConfigTable:
    """Reads and changes the config. A change that changes nothing makes no new generation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._data_version = -1

    def read(self) -> Config:
        """What of it is good, and what is not."""
        with self._database.reading() as connection, _short_values(connection):
            generation, in_kernel = connection.execute(_STATE).fetchone() or (None, None)
            entries, refused = _entries(connection)
            default: str | None = None
            try:
                default = _default(connection)
            except UsageError as error:
                refused.append(Refused(None, f"the default message: {error}"))
        return Config(
            generation=0 if generation is None else generation,
            in_kernel=-1 if in_kernel is None else in_kernel,
            default=default,
            entries=entries,
            refused=tuple(refused),
        )

    def set(self, uid: int, message: str) -> int:
        """Adds or changes an entry; returns the generation that holds it. Raises UsageError for
        bad input, ExecdbError when the map has no room."""
        values = check_uid(uid), check_message(message)
        with self._database.writing() as connection, _short_values(connection):
            there = scalar(connection, "SELECT count(*) FROM config WHERE uid = ?", (uid,))
            if there and _is(message, connection, _ENTRY, (uid,)):
                return _generation(connection)
            if not there and scalar(connection, _COUNT) >= ENTRIES_MAX:
                raise ExecdbError(f"the config is full: {ENTRIES_MAX} entries; unset one first")
            connection.execute("INSERT OR REPLACE INTO config (uid, message) VALUES (?, ?)", values)
            return _next_generation(connection)

    def unset(self, uid: int) -> int | None:
        """Removes an entry; returns the generation without it, None if there was no entry."""
        check_uid(uid)
        with self._database.writing() as connection:
            done = connection.execute("DELETE FROM config WHERE uid = ?", (uid,))
            return _next_generation(connection) if done.rowcount else None

    def set_default(self, message: str) -> int:
        """Changes the message of uids without an entry; returns the generation."""
        check_message(message)
        with self._database.writing() as connection, _short_values(connection):
            if _is(message, connection, _DEFAULT):
                return _generation(connection)
            connection.execute(_FIX_STATE)
            connection.execute("UPDATE config_state SET default_message = ?", (message,))
            return _next_generation(connection)

    # The collector's side.

    def changed(self) -> bool:
        """Whether anyone else has written to the file since the last call. Cheap, may say yes
        where the config is as it was."""
        version = self._database.data_version()
        changed, self._data_version = version != self._data_version, version
        return changed

    def confirm(self, generation: int) -> None:
        """Notes that the kernel's map equals this generation."""
        with self._database.writing() as connection:
            connection.execute("UPDATE config_state SET kernel_generation = ?", (generation,))


@contextmanager
def _short_values(connection: Connection) -> Iterator[None]:
    """Inside, a longer value is an error (sqlite3.DataError) before it is read: one that is forged
    may stand for as many bytes as it likes."""
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_MAX)
    try:
        yield
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def _entries(connection: Connection) -> tuple[dict[int, str], list[Refused]]:
    """The entries that the map can hold, and what stands between them."""
    entries: dict[int, str] = {}
    refused: list[Refused] = []
    uid = -1
    for uid, kind, raw in _rows(connection):
        try:
            entries[uid] = _message(kind, raw)
        except UsageError as error:
            refused.append(Refused(uid, str(error)))
    beyond = scalar(connection, _NEXT, (uid, UID_MAX))
    if beyond is not None:
        why = f"the entries from uid {beyond} on: the kernel's map has room for {ENTRIES_MAX}"
        refused.append(Refused(None, why))
    for (number,) in connection.execute(_OUTSIDE, (UID_MAX, _OUTSIDE_MAX)):
        refused.append(Refused(number, f"a uid is one of 0..{UID_MAX}"))
    return entries, refused


def _rows(connection: Connection) -> Iterator[tuple[int, str, bytes]]:
    """As many as the map can hold."""
    parameters = 0, UID_MAX, ENTRIES_MAX
    try:
        yield from connection.execute(_ENTRIES, parameters).fetchall()
    except sqlite3.DataError:  # one of them is too long: each by itself
        uids = connection.execute(_UIDS, parameters).fetchall()
        for (uid,) in uids:
            yield uid, *_looked_at(connection, _ENTRY, (uid,))


def _looked_at(
    connection: Connection, sql: str, parameters: Sequence[Any] = ()
) -> tuple[str, bytes]:
    """Type and bytes of a value; of one that is very long, others that are too long as well."""
    try:
        row = connection.execute(sql, parameters).fetchone()
    except sqlite3.DataError:
        return "text", b"x" * _LENGTH_MAX
    return row or ("missing", b"")


def _default(connection: Connection) -> str:
    """Raises UsageError where there is none."""
    return _message(*_looked_at(connection, _DEFAULT))


def _message(kind: str, raw: bytes) -> str:
    """Raises UsageError for what cannot be one."""
    if kind != "text":
        raise UsageError(f"a message must be text, this is {kind}")
    return check_message(raw.decode(errors="surrogateescape"))


def _is(message: str, connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> bool:
    """Whether this is what stands there."""
    return _looked_at(connection, sql, parameters) == ("text", message.encode())


def _generation(connection: Connection) -> int:
    found = connection.execute(_STATE).fetchone()
    if found is None or found[0] is None:
        return _next_generation(connection)
    return int(found[0])


def _next_generation(connection: Connection) -> int:
    connection.execute(_FIX_STATE)
    connection.execute(_FIX_GENERATION, (_GENERATION_MAX,))
    connection.execute("UPDATE config_state SET generation = generation + 1")
    return _generation(connection)


_STATE = """SELECT CASE WHEN typeof(generation) = 'integer' THEN generation END,
CASE WHEN typeof(kernel_generation) = 'integer' THEN kernel_generation END
FROM config_state ORDER BY id LIMIT 1"""
_DEFAULT = """SELECT typeof(default_message), CAST(default_message AS BLOB) FROM config_state
ORDER BY id LIMIT 1"""
_FIX_STATE = f"""INSERT INTO config_state SELECT 1, '{DEFAULT_MESSAGE}', 0, 0
WHERE NOT EXISTS (SELECT 1 FROM config_state)"""
_FIX_GENERATION = """UPDATE config_state SET generation = 0, kernel_generation = 0
WHERE typeof(generation) <> 'integer' OR generation NOT BETWEEN 0 AND ?"""
_ENTRY = "SELECT typeof(message), CAST(message AS BLOB) FROM config WHERE uid = ?"
_ENTRIES = """SELECT uid, typeof(message), CAST(message AS BLOB) FROM config
WHERE uid >= ? AND uid <= ? ORDER BY uid LIMIT ?"""
_UIDS = "SELECT uid FROM config WHERE uid >= ? AND uid <= ? ORDER BY uid LIMIT ?"
_NEXT = "SELECT min(uid) FROM config WHERE uid > ? AND uid <= ?"
_OUTSIDE = """SELECT * FROM (SELECT uid FROM config WHERE uid < 0 UNION ALL
SELECT uid FROM config WHERE uid > ?) LIMIT ?"""
_COUNT = "SELECT count(*) FROM config"
