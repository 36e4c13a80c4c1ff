"""Reads messages from the config tables. They may hold anything, since the file may come from
anywhere: what the kernel's map can hold is used, the rest is refused with a reason."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from execdb.store.config.entry import ENTRIES_MAX, check_message
from execdb.store.errors import UsageError
from execdb.store.file.sql import scalar
from execdb.store.uids import UID_MAX

_LENGTH_MAX = 65_536  # bytes of a value that is read; no SQL of the schema is longer
_OUTSIDE_MAX = 23  # how many rows with an impossible uid are named


@dataclass(frozen=True)
class Refused:
    """Something in the tables that cannot be in the kernel. `uid` is None if it is not an entry."""

    uid: int | None
    why: str

    def __str__(self) -> str:
        return self.why if self.uid is None else f"uid {self.uid}: {self.why}"


def read_state(connection: Connection) -> tuple[int, int]:
    """The generation, and the one that a collector confirmed last."""
    generation, in_kernel = connection.execute(_STATE).fetchone() or (None, None)
    return 0 if generation is None else generation, -1 if in_kernel is None else in_kernel


def read_default(connection: Connection) -> str:
    """Raises UsageError if what is stored cannot be a message."""
    try:
        return _message(*_type_and_bytes(connection, _DEFAULT))
    except UsageError as error:
        raise UsageError(f"the default message: {error}") from None


def is_default(connection: Connection, message: str) -> bool:
    """Whether this is the default message. Call it inside `short_values`."""
    return _type_and_bytes(connection, _DEFAULT) == ("text", message.encode())


def is_message_of(connection: Connection, uid: int, message: str) -> bool:
    """Whether this is the message of the uid's entry. Call it inside `short_values`."""
    return _type_and_bytes(connection, _ENTRY, (uid,)) == ("text", message.encode())


def read_generation(connection: Connection) -> int | None:
    """None if what is stored cannot be a generation."""
    row = connection.execute(_STATE).fetchone()
    return None if row is None else row[0]


@contextmanager
def short_values(connection: Connection) -> Iterator[None]:
    """Inside, a longer value raises sqlite3.DataError before it is read: a forged one may stand for
    any number of bytes."""
    before = connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LENGTH_MAX)
    try:
        yield
    finally:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, before)


def read_entries(connection: Connection) -> tuple[dict[int, str], list[Refused]]:
    """The messages of users, and which are refused."""
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
    """Uid, type and bytes of as many entries as the map can hold."""
    parameters = 0, UID_MAX, ENTRIES_MAX
    try:
        yield from connection.execute(_ENTRIES, parameters).fetchall()
    except sqlite3.DataError:  # one of them is too long: read each by itself
        uids = connection.execute(_UIDS, parameters).fetchall()
        for (uid,) in uids:
            yield uid, *_type_and_bytes(connection, _ENTRY, (uid,))


def _type_and_bytes(
    connection: Connection, sql: str, parameters: Sequence[Any] = ()
) -> tuple[str, bytes]:
    """Of one value; a value that is too long to be read gives other bytes that are too long."""
    try:
        row = connection.execute(sql, parameters).fetchone()
    except sqlite3.DataError:
        return "text", b"x" * _LENGTH_MAX
    return row or ("missing", b"")


def _message(kind: str, raw: bytes) -> str:
    """Raises UsageError for what cannot be a message."""
    if kind != "text":
        raise UsageError(f"a message must be text, this is {kind}")
    return check_message(raw.decode(errors="surrogateescape"))


_STATE = """SELECT CASE WHEN typeof(generation) = 'integer' THEN generation END,
CASE WHEN typeof(kernel_generation) = 'integer' THEN kernel_generation END
FROM config_state ORDER BY id LIMIT 1"""
_DEFAULT = """SELECT typeof(default_message), CAST(default_message AS BLOB) FROM config_state
ORDER BY id LIMIT 1"""
_ENTRY = "SELECT typeof(message), CAST(message AS BLOB) FROM config WHERE uid = ?"
_ENTRIES = """SELECT uid, typeof(message), CAST(message AS BLOB) FROM config
WHERE uid >= ? AND uid <= ? ORDER BY uid LIMIT ?"""
_UIDS = "SELECT uid FROM config WHERE uid >= ? AND uid <= ? ORDER BY uid LIMIT ?"
_NEXT = "SELECT min(uid) FROM config WHERE uid > ? AND uid <= ?"
_OUTSIDE = """SELECT * FROM (SELECT uid FROM config WHERE uid < 0 UNION ALL
SELECT uid FROM config WHERE uid > ?) LIMIT ?"""
