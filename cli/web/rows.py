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
from execdb.store.event import Event
from execdb.store.times import rfc3339

_COLUMNS = ("time", "pid", "user", "comm", "end", "took", "command")
_STYLES = {RED: "failed", DIM: "replaced"}
_CHARS_MAX = 600  # of a command in the list


class Row(NamedTuple):
    """A line of the list; all texts are escaped. `key` tells events apart, `id` those of one file.
    `host` is empty where there are not several."""

    key: str
    id: int
    address: str
    utc: str
    time: str
    host: str
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
    """Makes rows. `default_message` is not shown; with `hosts` each names its host."""

    def __init__(self, default_message: str | None, *, hosts: bool = False) -> None:
        self._cells = cells_of(_COLUMNS, Look(width=_CHARS_MAX))
        self._default, self.hosts = default_message, hosts

    @staticmethod
    def this_host() -> str:
        return os.uname().nodename

    def of(self, events: Iterable[Event], view: View) -> Iterator[Row]:
        for event in events:
            texts, styles = zip(*(_plain(cell(event)) for cell in self._cells), strict=True)
            time, pid, user, comm, end, took, command = texts
            message = "" if event.message == self._default else escape(event.message)
            yield Row(
                key_of(event), event.id, address_of(event, view), rfc3339(event.time_ns), time,
                escape(event.host) if self.hosts else "", pid, user, event.uid, comm, end,
                styles[4], took, message, command[:_CHARS_MAX],
            )  # fmt: skip


def _plain(cell: str | Cell) -> tuple[str, str]:
    return (cell.text, _STYLES.get(cell.colour, "")) if isinstance(cell, Cell) else (cell, "")


def key_of(event: Event) -> str:
    """What names a row of the store: ids alone may be those of several files."""
    return f"{event.run_id}_{event.id}"


def address_of(event: Event, view: View, path: str = "/event", **more: object) -> str:
    """The page about an event, by what identifies an image everywhere, and where its row is now."""
    place = {"host": event.host, "row": key_of(event)}
    return view.from_start().address(path, **identity(event), **place, **more)


def identity(event: Event) -> dict[str, Any]:
    """What names an image: also terms that only its event fulfils."""
    return {"boot_id": event.boot_id, "boot_ns": event.boot_ns, "pid": event.pid}


def next_address(path: str, view: View, last: Moment) -> str:
    """Of the page that continues behind an event."""
    return View(view.words, view.oldest_first, view.redact, last).address(path)


def command_for(words: Iterable[str], database: str | None, name: str = "query") -> str:
    """A command for a shell that shows the same; `database` is where it is not the usual one."""
    where = () if database is None else ("--db", database)
    return " ".join(["execdb", *map(quote, where), name, *map(quote, words)])
