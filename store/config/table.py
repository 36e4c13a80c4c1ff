"""The config table: the truth about which uid has which message. The kernel's map is its mirror; a
collector reconciles the map with it and confirms the generation."""

import time
from collections.abc import Callable, Iterable, Mapping
from sqlite3 import Connection

from execdb.store.config.changing import Changer, log_found
from execdb.store.config.entry import ENTRIES_MAX, NoEntry, check_message
from execdb.store.config.generation import add_missing_state
from execdb.store.config.log import State, Who, flat
from execdb.store.config.snapshot import Config, read_config
from execdb.store.config.stored import is_default, is_message_of, read_state, short_values
from execdb.store.errors import DatabaseRefused, ExecdbError
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.uids import check_uid


class ConfigTable:
    """Reads and changes the config, on behalf of `who`. A change that changes nothing makes no new
    generation."""

    def __init__(
        self, database: Database, who: Who | None = None, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.database, self.who, self._clock = database, who or Who(), clock
        self._changer = Changer(database, self.who, clock)
        self._data_version = -1
        self._followed: State = {}
        self._unlogged = False

    def read(self) -> Config:
        """The config, and what of the tables is refused."""
        with self.database.reading() as connection:
            return read_config(connection)

    def in_kernel(self) -> int:
        """The generation that a collector confirmed last, without reading the whole config."""
        with self.database.reading() as connection, short_values(connection):
            return read_state(connection)[1]

    def set(self, uid: int, message: str) -> int:
        """Adds or changes an entry; returns the generation that holds it. Raises UsageError for
        bad input, ExecdbError when the map has no room."""
        return self.set_all({uid: message})

    def set_all(self, entries: Mapping[int, str], default: str | None = None) -> int:
        """Adds or changes several, and the default message if one is given: all or none. The rest
        as `set`."""
        rows = [(check_uid(uid), check_message(message)) for uid, message in entries.items()]
        with self._changer.changing("set") as change:
            connection = change.connection
            before = scalar(connection, _COUNT)
            with short_values(connection):
                rows = [row for row in rows if not is_message_of(connection, *row)]
            connection.executemany(_SET, rows)
            if scalar(connection, _COUNT) > max(before, ENTRIES_MAX):
                raise ExecdbError(f"the config is full: {ENTRIES_MAX} entries; unset one first")
            if default is not None:
                _set_default(connection, default)
        return change.generation

    def unset(self, uid: int) -> int | None:
        """Removes an entry; returns the generation without it, None if there was no entry."""
        check_uid(uid)
        with self._changer.changing("unset") as change:
            done = change.connection.execute(_UNSET, (uid,))
        return change.generation if done.rowcount else None

    def unset_all(self, uids: Iterable[int]) -> int:
        """Removes several, all or none; returns the generation without them. Raises ExecdbError if
        one of them has no entry."""
        with self._changer.changing("unset") as change:
            for uid in uids:
                if not change.connection.execute(_UNSET, (check_uid(uid),)).rowcount:
                    raise NoEntry(uid)
        return change.generation

    def set_default(self, message: str) -> int:
        """Changes the message of uids without an entry; returns the generation."""
        with self._changer.changing("default") as change:
            _set_default(change.connection, message)
        return change.generation

    # For the collector:

    def changed(self) -> bool:
        """Whether anyone else has written to the file since the last call. Cheap; may be true
        although the config is the same."""
        version = self.database.data_version()
        changed, self._data_version = version != self._data_version, version
        return changed or self._unlogged

    def follow(self) -> Config:
        """As `read`, for who puts it into the kernel: what others have changed by plain SQL is
        logged before, as a generation of its own, unless the database refuses to be written to."""
        config = self.read()
        state = flat(config)
        if state == self._followed and not self._unlogged:
            return config
        try:
            with self.database.writing() as connection:
                found = log_found(connection, self._clock())
            self._unlogged = False
        except DatabaseRefused:
            found, self._unlogged = False, True
        self._followed = state
        return self.read() if found else config

    def confirm(self, generation: int) -> None:
        """Notes that the kernel's map equals this generation."""
        with self.database.writing() as connection:
            connection.execute("UPDATE config_state SET kernel_generation = ?", (generation,))


def _set_default(connection: Connection, message: str) -> None:
    """Raises UsageError."""
    check_message(message)
    with short_values(connection):
        same = is_default(connection, message)
    if not same:
        add_missing_state(connection)
        connection.execute("UPDATE config_state SET default_message = ?", (message,))


_COUNT = "SELECT count(*) FROM config"
_SET = "INSERT OR REPLACE INTO config (uid, message) VALUES (?, ?)"
_UNSET = "DELETE FROM config WHERE uid = ?"
