"""The config table: the truth about which uid has which message. The kernel's map is its mirror; a
collector reconciles the map with it and confirms the generation."""

from sqlite3 import Connection

from execdb.store.config.entry import ENTRIES_MAX, check_message, check_uid
from execdb.store.config.stored import (
    Config,
    is_default,
    is_message_of,
    read_config,
    read_generation,
    short_values,
)
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar

DEFAULT_MESSAGE = "Hello World"
_GENERATION_MAX = 1 << 62


class ConfigTable:
    """Reads and changes the config. A change that changes nothing makes no new generation."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._data_version = -1

    def read(self) -> Config:
        """The config, and what of the tables is refused."""
        with self._database.reading() as connection:
            return read_config(connection)

    def set(self, uid: int, message: str) -> int:
        """Adds or changes an entry; returns the generation that holds it. Raises UsageError for
        bad input, ExecdbError when the map has no room."""
        values = check_uid(uid), check_message(message)
        with self._database.writing() as connection, short_values(connection):
            exists = scalar(connection, "SELECT count(*) FROM config WHERE uid = ?", (uid,))
            if exists and is_message_of(connection, uid, message):
                return _generation(connection)
            if not exists and scalar(connection, _COUNT) >= ENTRIES_MAX:
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
        with self._database.writing() as connection, short_values(connection):
            if is_default(connection, message):
                return _generation(connection)
            connection.execute(_ADD_MISSING_STATE)
            connection.execute("UPDATE config_state SET default_message = ?", (message,))
            return _next_generation(connection)

    # For the collector:

    def changed(self) -> bool:
        """Whether anyone else has written to the file since the last call. Cheap; may be true
        although the config is the same."""
        version = self._database.data_version()
        changed, self._data_version = version != self._data_version, version
        return changed

    def confirm(self, generation: int) -> None:
        """Notes that the kernel's map equals this generation."""
        with self._database.writing() as connection:
            connection.execute("UPDATE config_state SET kernel_generation = ?", (generation,))


def _generation(connection: Connection) -> int:
    found = read_generation(connection)
    return _next_generation(connection) if found is None else found


def _next_generation(connection: Connection) -> int:
    connection.execute(_ADD_MISSING_STATE)
    connection.execute(_FIX_GENERATION, (_GENERATION_MAX,))
    connection.execute("UPDATE config_state SET generation = generation + 1")
    return _generation(connection)


_COUNT = "SELECT count(*) FROM config"
_ADD_MISSING_STATE = f"""INSERT INTO config_state SELECT 1, '{DEFAULT_MESSAGE}', 0, 0
WHERE NOT EXISTS (SELECT 1 FROM config_state)"""
_FIX_GENERATION = """UPDATE config_state SET generation = 0, kernel_generation = 0
WHERE typeof(generation) <> 'integer' OR generation NOT BETWEEN 0 AND ?"""
