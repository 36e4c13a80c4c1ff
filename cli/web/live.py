"""What comes, as server-sent events (HTML Living Standard, "Server-sent events"): new rows, and the
ends of those that were sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from execdb.cli.web.rows import key_of
from execdb.cli.web.site import Site, rows_for
from execdb.cli.web.view import View, filter_for
from execdb.cli.web.worker import Busy, Worker
from execdb.store.errors import ExecdbError, UsageError
from execdb.store.event import Event
from execdb.store.reading.event_filter import EventFilter

_PAUSE_S = 0.1  # between updates: at most ten a second
_HEARTBEAT_S = 15.0  # how often a quiet connection is used, so that a closed one is noticed
_ROWS_MAX = 100  # of an update
_CATCH_UP_MAX = 500  # rows after a pause
_CLIENTS_MAX = 8

Render = Callable[[str, dict[str, Any]], str]


class Tail:
    """Follows the file for one client. All methods but `updates` run in the worker."""

    def __init__(self, site: Site, view: View, render: Render, after: int | None) -> None:
        """`after` is the last row that the client has. Raises UsageError, DatabaseError."""
        self._site, self._view, self._render = site, view, render
        wanted = filter_for(view.words)
        if wanted.until_ns is not None:
            raise UsageError("what comes has no end: leave out the time, or --until")
        self._since_ns = wanted.since_ns or 0
        following = site.store.tail()
        if following is None:
            raise UsageError("what comes can be followed in a file only: load the page again")
        self._following = following
        self._skipped = 0
        if after is not None:
            oldest = self._following.last_id - _CATCH_UP_MAX
            self._skipped = max(0, oldest - after)
            self._following.last_id = min(self._following.last_id, max(after, oldest))
        family = self._following.started_by(wanted.descendants_of)
        self._filter = EventFilter(replace(wanted, since_ns=None), family)
        self._version: object = None
        self._rows = rows_for(site.now(), wanted)

    def update(self) -> dict[str, Any] | None:
        """What is new, None if nothing. Raises DatabaseError."""
        self._site.now()  # raises if it is not the same store any more
        version = self._site.store.version()
        if version == self._version:
            return None
        self._version = version
        started = self._started()
        ended = [event for event in self._following.ended() if self._filter.wants(event)]
        new, late = started[-_ROWS_MAX:], ended[-_ROWS_MAX:]
        skipped = self._skipped + len(started) - len(new)
        self._skipped = 0
        if not new and not late and not skipped:
            return None
        return {
            "rows": self._html(new[::-1]),
            "ends": {key_of(event): self._html([event]) for event in late},
            "skipped": skipped,
            "last": self._following.last_id,
        }

    def _started(self) -> list[Event]:
        """A bounded number of the new events: the rest is read at the next update."""
        found: list[Event] = []
        events = self._following.started()
        if len(events) == 0:
            return found
        for event in events:
            if event.time_ns < self._since_ns or not self._filter.may_want(event):
                continue
            if event.ended is None and event.errno is None:
                self._following.wait_for_end(event)
            if self._filter.wants(event):
                found.append(event)
        self._version = None  # there may be more
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
                await asyncio.sleep(_PAUSE_S)
                quiet_s += _PAUSE_S
        finally:
            self._open -= 1


def _event(data: dict[str, Any]) -> bytes:
    """JSON is one line, whatever is in it."""
    return f"data: {json.dumps(data)}\n\n".encode()
