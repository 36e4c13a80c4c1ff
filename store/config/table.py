"""The config table: the truth about which uid has which message. The kernel's map is its mirror; a
collector reconciles the map with it and confirms the generation."""

from execdb.store.config.entry import ENTRIES_MAX, check_message
from execdb.store.config.generation import (
    add_missing_state,
    current_generation,
    next_generation,
)
from execdb.store.config.snapshot import Config, read_config
from execdb.store.config.stored import is_default, is_message_of, short_values
from execdb.store.errors import ExecdbError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.uids import check_uid


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
                return current_generation(connection)
            if not exists and scalar(connection, _COUNT) >= ENTRIES_MAX:
                raise ExecdbError(f"the config is full: {ENTRIES_MAX} entries; unset one first")
            connection.execute("INSERT OR REPLACE INTO config (uid, message) VALUES (?, ?)", values)
            return next_generation(connection)

    def unset(self, uid: int) -> int | None:
        """Removes an entry; returns the generation without it, None if there was no entry."""
        check_uid(uid)
        with self._database.writing() as connection:
            done = connection.execute("DELETE FROM config WHERE uid = ?", (uid,))
            return next_generation(connection) if done.rowcount else None

    def set_default(self, message: str) -> int:
        """Changes the message of uids without an entry; returns the generation."""
        check_message(message)
        with self._database.writing() as connection, short_values(connection):
            if is_default(connection, message):
                return current_generation(connection)
            add_missing_state(connection)
            connection.execute("UPDATE config_state SET default_message = ?", (message,))
            return next_generation(connection)

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


_COUNT = "SELECT count(*) FROM config"
