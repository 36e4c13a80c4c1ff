"""The config table: the truth about which uid has which message.

The kernel's map is its mirror; a collector makes it so and confirms the generation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from sqlite3 import Connection
from typing import TypeVar

from execdb.store.database import Database
from execdb.store.entry import ENTRIES_MAX, check_message, check_uid
from execdb.store.errors import DatabaseError, ExecdbError, UsageError
from execdb.store.sql import scalar

T = TypeVar("T")


@dataclass(frozen=True)
class Config:
    """A snapshot. `in_kernel` is the generation that a collector has confirmed last."""

    generation: int
    in_kernel: int
    default: str
    entries: Mapping[int, str]


class ConfigTable:
    """Reads and changes the config. A change that changes nothing makes no new generation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._data_version = -1

    def read(self) -> Config:
        """Raises DatabaseError for what no execdb has written there: the file may come from
        anywhere, and the kernel's map would take it."""
        with self._database.reading() as connection:
            states = connection.execute(_STATE).fetchall()
            rows = connection.execute(_CONFIG, (ENTRIES_MAX + 1,)).fetchall()
        try:
            ((default, generation, in_kernel),) = states
            for message in (default, *(message for _, message in rows)):
                check_message(_a(str, message))
            for uid, _ in rows:
                check_uid(_a(int, uid))
            return Config(
                generation=_a(int, generation),
                in_kernel=_a(int, in_kernel),
                default=default,
                entries=dict(rows[:ENTRIES_MAX]),
            )
        except (TypeError, ValueError, UsageError) as error:
            raise DatabaseError(
                f"the config in {self._database.path} is damaged ({error}): mend it with sqlite3"
            ) from error

    def set(self, uid: int, message: str) -> int:
        """Adds or changes an entry; returns the generation that holds it. Raises UsageError for
        bad input, ExecdbError when the map has no room."""
        values = check_uid(uid), check_message(message)
        with self._database.writing() as connection:
            found = scalar(connection, "SELECT message FROM config WHERE uid = ?", (uid,))
            if found == message:
                return _generation(connection)
            if found is None and scalar(connection, _COUNT) >= ENTRIES_MAX:
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
        with self._database.writing() as connection:
            if scalar(connection, "SELECT default_message FROM config_state") == message:
                return _generation(connection)
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


def _a(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"a value that is no {kind.__name__}")
    return value


def _generation(connection: Connection) -> int:
    return int(scalar(connection, "SELECT generation FROM config_state"))


def _next_generation(connection: Connection) -> int:
    connection.execute("UPDATE config_state SET generation = generation + 1")
    return _generation(connection)


_STATE = "SELECT default_message, generation, kernel_generation FROM config_state"
_CONFIG = "SELECT uid, message FROM config ORDER BY uid LIMIT ?"
_COUNT = "SELECT count(*) FROM config"
