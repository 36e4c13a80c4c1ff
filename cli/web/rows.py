"""Events as the page shows them: text that is safe to show, and addresses."""

import os
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from execdb.cli.output.escape import escape, quote
from execdb.cli.show.event_table import cells_of
from execdb.cli.table.layout import DIM, RED, Cell
from execdb.cli.table.look import Look
from execdb.cli.web.view import View
from execdb.store.browsing.pages import Moment
from execdb.store.config.stored import read_default
from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.times import rfc3339

_COLUMNS = ("time", "pid", "user", "comm", "end", "took", "command")
_STYLES = {RED: "failed", DIM: "replaced"}
_CHARS_MAX = 600  # of a command in the list


class Row(NamedTuple):
    """A line of the list; all texts are escaped."""

    id: int
    address: str
    utc: str
    time: str
    pid: str
    user: str
    uid: int
    comm: str
    end: str
    end_style: str
    took: str
    message: str
    command: str


class Rows:
    """Makes rows. `default_message` is not shown."""

    def __init__(self, default_message: str | None) -> None:
        self._cells = cells_of(_COLUMNS, Look(width=_CHARS_MAX))
        self._default = default_message

    @staticmethod
    def this_host() -> str:
        return os.uname().nodename

    def of(self, events: Iterable[Event], view: View) -> Iterator[Row]:
        for event in events:
            texts, styles = zip(*(_plain(cell(event)) for cell in self._cells), strict=True)
            time, pid, user, comm, end, took, command = texts
            message = "" if event.message == self._default else escape(event.message)
            yield Row(
                event.id, address_of(event, view), rfc3339(event.time_ns), time, pid, user,
                event.uid, comm, end, styles[4], took, message, command[:_CHARS_MAX],
            )  # fmt: skip


def rows_of(database: Database) -> Rows:
    """With the default message as it is now. Raises DatabaseError."""
    with database.reading() as connection:
        return Rows(read_default(connection))


def _plain(cell: str | Cell) -> tuple[str, str]:
    return (cell.text, _STYLES.get(cell.colour, "")) if isinstance(cell, Cell) else (cell, "")


def address_of(event: Event, view: View) -> str:
    """The page about an event, by what identifies an image everywhere."""
    return view.from_start().address("/event", **identity(event))


def identity(event: Event) -> dict[str, Any]:
    """What names an event in addresses of the page."""
    return {"boot_id": event.boot_id, "boot_ns": event.boot_ns, "pid": event.pid}


def next_address(path: str, view: View, last: Moment) -> str:
    """Of the page that continues behind an event."""
    return View(view.words, view.oldest_first, view.redact, last).address(path)


def command_for(words: Iterable[str], database: str | None, name: str = "query") -> str:
    """A command for a shell that shows the same; `database` is where it is not the usual one."""
    where = () if database is None else ("--db", database)
    return " ".join(["execdb", *map(quote, where), name, *map(quote, words)])
