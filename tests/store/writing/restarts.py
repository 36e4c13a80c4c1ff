"""What the tests of this folder share."""

from collections.abc import Sequence
from typing import Any

from execdb.store.event import Event, Exec, ImageKey
from execdb.store.file.database import Database
from execdb.store.writing.recording import Machine, Recording
from tests.conftest import MACHINE, START_NS, an_exec

MS = 1_000_000
TICK_NS = 10 * MS


def key(image: Exec) -> ImageKey:
    return image.boot_ns, image.pid


def life(database: Database, machine: Machine = MACHINE) -> Recording:
    return Recording(database, machine, "0", START_NS)


def running(image: Exec, **changes: Any) -> Exec:
    """What /proc tells of a process that exec'd the image some milliseconds after it began."""
    began_ns = (image.boot_ns - 3 * MS) // TICK_NS * TICK_NS
    return an_exec(0, boot_ns=began_ns, pid=image.pid, argv=image.command.argv)._replace(**changes)


def rows(database: Database, view: str) -> list[tuple[Any, ...]]:
    with database.reading() as connection:
        return connection.execute(
            f"SELECT id, argv, parent_id, ended, duration_ns FROM {view} ORDER BY id"
        ).fetchall()


def names(events: Sequence[Event]) -> list[str]:
    return [event.argv[0] for event in events]


SHELL = an_exec(23, argv=("sh",), pid=101)
