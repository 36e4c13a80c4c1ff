"""A change of the config: one transaction, one generation, and its rows in the log."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from sqlite3 import Connection

from execdb.store.config.generation import current_generation, next_generation
from execdb.store.config.log import Difference, Who, add_rows, differences, flat, logged_state
from execdb.store.config.managed.state import CENTRAL, require_own
from execdb.store.config.snapshot import Config, read_config
from execdb.store.config.stored import short_values
from execdb.store.file.database import Database

FOUND = "found"  # the action of a change that is not in the log yet
_NOBODY = Who()


@dataclass
class Change:
    """What is done to the config inside `changing`. Afterwards `differences` and `generation`
    say what came of it."""

    connection: Connection
    config: Config
    generation: int = 0
    differences: tuple[Difference, ...] = ()


class Changer:
    """Changes the config of a database on behalf of someone. `clock` gives nanoseconds since
    1970."""

    def __init__(
        self, database: Database, who: Who = _NOBODY, clock: Callable[[], int] = time.time_ns
    ) -> None:
        self.database, self._who, self._clock = database, who, clock

    @contextmanager
    def changing(self, action: str) -> Iterator[Change]:
        """A transaction that changes the tables of the config. If they differ afterwards, that is
        the next generation. What plain SQL has changed before is logged first, as a generation of
        its own. Raises ExecdbError if the config comes from a central store."""
        with self.database.writing() as connection:
            if action != CENTRAL:
                require_own(connection)
            log_found(connection, self._clock())
            change = Change(connection, read_config(connection))
            rows = connection.total_changes
            yield change
            after = flat(read_config(connection))
            found = differences(flat(change.config), after)
            written = connection.total_changes != rows
            made = found or written
            change.generation = (next_generation if made else current_generation)(connection)
            change.differences = tuple(found)
            if found:
                add_rows(connection, change.generation, self._clock(), self._who, action, found)


def log_found(connection: Connection, time_ns: int) -> bool:
    """Logs, as a generation, what differs from the last state of the log: someone has changed the
    tables by plain SQL. Call it in a transaction that may write; returns whether it was so."""
    try:
        with short_values(connection):
            logged = logged_state(connection)
    except sqlite3.DataError:  # nobody can say what changed if the log is not readable
        return False
    found = differences(logged, flat(read_config(connection)))
    if found:
        add_rows(connection, next_generation(connection), time_ns, Who(), FOUND, found)
    return bool(found)
