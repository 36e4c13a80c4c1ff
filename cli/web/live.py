"""What comes, as server-sent events (HTML Living Standard, "Server-sent events"): new rows, and the
ends of those that were sent or are shown."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from execdb.cli.web.rows import Rows
from execdb.cli.web.site import Site
from execdb.cli.web.view import View
from execdb.cli.web.worker import Busy, Worker
from execdb.store.central.errors import CentralError, CentralRefusal
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event
from execdb.store.fields import without_end
from execdb.store.reading.event_filter import EventFilter

_AGAIN_S = 5.0  # until a central store is asked again that did not answer
_HEARTBEAT_S = 15.0  # how often a quiet connection is used, so that a closed one is noticed
_ROWS_MAX = 100  # of an update
_CLIENTS_MAX = 8

Render = Callable[[str, dict[str, Any]], str]


class Tail:
    """Follows the store for one client. All methods but `updates` run in the worker."""

    def __init__(self, site: Site, view: View, render: Render, *, hosts: bool) -> None:
        """`hosts`: the client's list names them. Raises UsageError, DatabaseError, CentralError."""
        self._site, self._view, self._render = site, view, render
        wanted = site.wanted(view)
        if wanted.until_ns is not None:
            raise UsageError("what comes has no end: leave out the time, or --until")
        self._since_ns = wanted.since_ns or 0
        self._coming = site.store.coming(wanted)
        self._filter = EventFilter(replace(wanted, since_ns=None), self._coming.family)
        self._rows = Rows(site.now().default_message(wanted), hosts=hosts)
        self._new: list[Event] = []
        self._removed = 0  # of which the client was told
        self._trouble = ""  # what a central store said last, if it did not answer

    @property
    def pause_s(self) -> float:
        """Until the next update."""
        return _AGAIN_S if self._trouble else self._coming.pause_s

    def update(self) -> dict[str, Any] | None:
        """What is new, None if nothing. Raises DatabaseError, CentralRefusal, UsageError."""
        try:
            found = self._look()
        except CentralRefusal:
            raise
        except CentralError as error:
            before, self._trouble = self._trouble, str(error)
            return None if before else {"trouble": f"{error}: trying again"}
        if self._trouble:
            self._trouble = ""
            return {**(found or {}), "trouble": ""}
        return found

    def _look(self) -> dict[str, Any] | None:
        """After a CentralError nothing is missing."""
        self._new += self._started()
        late: list[Event] = []  # ends of what was wanted as it started
        for event in filter(self._filter.wants, self._coming.ended()):
            (late if self._filter.wants(without_end(event)) else self._new).append(event)
        if self._coming.has_hosts and not self._rows.hosts:
            raise UsageError("there are several hosts now: load the page again, which names them")
        started, self._new = self._new, []
        new, late = started[-_ROWS_MAX:], late[-_ROWS_MAX:]
        skipped = len(started) - len(new) + self._coming.removed - self._removed
        self._removed = self._coming.removed
        if not new and not late and not skipped:
            return None
        return {
            "rows": self._html(new[::-1]),
            "ends": self._html(late),
            "skipped": skipped,
        }

    def _started(self) -> list[Event]:
        found: list[Event] = []
        for event in self._coming.started():
            if event.time_ns < self._since_ns or not self._filter.may_want(event):
                continue
            if event.ended is None and event.errno is None:
                self._coming.wait_for_end(event)
            if self._filter.wants(event):
                found.append(event)
        return found

    def _html(self, events: list[Event]) -> str:
        shown = self._site.shown(self._view, events)
        rows = list(self._rows.of(shown, self._view))
        return self._render("rows.html", {"rows": rows, "hosts": self._rows.hosts}) if rows else ""


class Tails:
    """The clients that follow."""

    def __init__(self, worker: Worker) -> None:
        self._worker, self._open = worker, 0

    async def open(self, make: Callable[[], Tail]) -> AsyncIterator[bytes]:
        """The updates of a new client. Raises Busy if there are too many, UsageError."""
        if self._open >= _CLIENTS_MAX:
            raise Busy("too many pages are live at a time: close one")
        self._open += 1
        try:
            tail = await self._worker.run(make)
        except BaseException:
            self._open -= 1
            raise
        return self._updates(tail)

    async def _updates(self, tail: Tail) -> AsyncIterator[bytes]:
        quiet_s = 0.0
        try:
            yield b": live\n\n"
            while True:
                try:
                    found = await self._worker.run(tail.update)
                except Busy:
                    found = None
                except ExecdbError as error:
                    yield _event({"error": str(error)})
                    return
                if found is not None:
                    yield _event(found)
                    quiet_s = 0.0
                elif quiet_s >= _HEARTBEAT_S:
                    yield b": nothing new\n\n"
                    quiet_s = 0.0
                pause_s = tail.pause_s
                await asyncio.sleep(pause_s)
                quiet_s += pause_s
        finally:
            self._open -= 1


def _event(data: dict[str, Any]) -> bytes:
    """JSON is one line, whatever is in it."""
    return f"data: {json.dumps(data)}\n\n".encode()
