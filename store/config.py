"""The config table: the truth about which uid has which message.

The kernel's map is its mirror; a collector makes it so and confirms the generation.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects.sqlite import insert

from execdb.store import schema
from execdb.store.database import Database
from execdb.store.entry import ENTRIES_MAX, check_message, check_uid
from execdb.store.errors import DatabaseError, ExecdbError, UsageError

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
            states = connection.execute(select(schema.config_state)).all()
            rows = connection.execute(
                select(schema.config).order_by(schema.config.c.uid).limit(ENTRIES_MAX + 1)
            ).all()
        try:
            (state,) = states
            for message in (state.default_message, *(row.message for row in rows)):
                check_message(_a(str, message))
            for row in rows:
                check_uid(_a(int, row.uid))
            return Config(
                generation=_a(int, state.generation),
                in_kernel=_a(int, state.kernel_generation),
                default=state.default_message,
                entries={row.uid: row.message for row in rows[:ENTRIES_MAX]},
            )
        except (TypeError, ValueError, UsageError) as error:
            raise DatabaseError(
                f"the config in {self._database.path} is damaged ({error}): mend it with sqlite3"
            ) from error

    def set(self, uid: int, message: str) -> int:
        """Adds or changes an entry; returns the generation that holds it. Raises UsageError for
        bad input, ExecdbError when the map has no room."""
        values = {"uid": check_uid(uid), "message": check_message(message)}
        table = schema.config
        with self._database.writing() as connection:
            found = connection.scalar(select(table.c.message).where(table.c.uid == uid))
            if found == message:
                return _generation(connection)
            count = connection.scalar(select(func.count()).select_from(table)) or 0
            if found is None and count >= ENTRIES_MAX:
                raise ExecdbError(f"the config is full: {ENTRIES_MAX} entries; unset one first")
            statement = insert(table).values(values)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["uid"], set_={"message": message})
            )
            return _next_generation(connection)

    def unset(self, uid: int) -> int | None:
        """Removes an entry; returns the generation without it, None if there was no entry."""
        check_uid(uid)
        with self._database.writing() as connection:
            done = connection.execute(delete(schema.config).where(schema.config.c.uid == uid))
            return _next_generation(connection) if done.rowcount else None

    def set_default(self, message: str) -> int:
        """Changes the message of uids without an entry; returns the generation."""
        check_message(message)
        state = schema.config_state
        with self._database.writing() as connection:
            if connection.scalar(select(state.c.default_message)) == message:
                return _generation(connection)
            connection.execute(update(state).values(default_message=message))
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
            connection.execute(update(schema.config_state).values(kernel_generation=generation))


def _a(kind: type[T], value: object) -> T:
    if not isinstance(value, kind):
        raise TypeError(f"a value that is no {kind.__name__}")
    return value


def _generation(connection: Connection) -> int:
    return int(connection.scalar(select(schema.config_state.c.generation)) or 0)


def _next_generation(connection: Connection) -> int:
    state = schema.config_state
    connection.execute(update(state).values(generation=state.c.generation + 1))
    return _generation(connection)
