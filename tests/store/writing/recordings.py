"""What the tests of this folder share."""

from execdb.store.event import End, Event, Exec
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.conftest import (
    MACHINE,
    START_NS,
    an_exec,
)


def begin(database: Database, started_ns: int = START_NS) -> Recording:
    return Recording(database, MACHINE, "0", started_ns)


def value_of(database: Database, sql: str) -> object:
    with database.reading() as connection:
        return scalar(connection, sql)


def key(event: Exec) -> tuple[int, int]:
    return event.boot_ns, event.pid


def end(event: Exec, after_ns: int, status: int) -> End:
    return End(event.boot_ns + after_ns, key(event), status)


def events(database: Database) -> list[Event]:
    return list(History(database).events(Filter()))


SHELL = an_exec(0, argv=("sh",))
CHILD = an_exec(1, argv=("child",), parent=key(SHELL))
NEXT = an_exec(2, argv=("next",), pid=CHILD.pid, parent=key(CHILD), replaces=True)
