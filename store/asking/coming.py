"""What comes to a store from a moment on, as the page shows it."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from execdb.store.file.database import Database
from execdb.store.reading.following import Following, while_running
from execdb.store.terms.term import Range, Term

if TYPE_CHECKING:
    from execdb.store.event import Event
    from execdb.store.reading.filter import Filter

_RUNNING_MAX = 2_000  # programs of before whose ends are waited for: the latest
_PAUSE_S = 0.1


class Coming(Protocol):
    """Each event comes once when it was recorded, and those that are waited for once more when they
    have ended: those of `wait_for_end`, and programs that ran before. `pause_s` is how long to wait
    until the next look; `family` has the rows that the wanted ancestors have started so far;
    `removed` counts events that were removed from the store before they could be read. Methods
    raise DatabaseError or CentralError; nothing is left out or comes twice after the latter."""

    @property
    def pause_s(self) -> float: ...

    @property
    def family(self) -> Iterable[int]: ...

    @property
    def has_hosts(self) -> bool:
        """Whether events of several hosts have come or may come, so that each must be named."""

    @property
    def removed(self) -> int: ...

    def started(self) -> "list[Event]":
        """The next events, a bounded number of them; whether they are wanted is to be asked."""

    def wait_for_end(self, event: "Event") -> object: ...

    def ended(self) -> "list[Event]":
        """After `started`: some of those waited for, in the order of their ends."""


class ComingToFile:
    """What a collector adds to a file."""

    pause_s, removed, has_hosts = _PAUSE_S, 0, False

    def __init__(self, database: Database, check: Callable[[], None], wanted: "Filter") -> None:
        """`check` raises DatabaseError if it is another file by now."""
        self._database, self._check = database, check
        self._following = Following(database)
        self._version: object = None
        self.family = self._following.started_by(wanted.descendants_of)
        self._wait_for_those_that_run(wanted)

    def _wait_for_those_that_run(self, wanted: "Filter") -> None:
        boot = self._following.boot_now()
        if boot is None:
            return
        until_now = Term("id", (Range(None, self._following.last_id),))
        running = while_running(wanted, until_now, Term("boot_id", (boot,)))
        for event in self._following.running(running, _RUNNING_MAX):
            if event.id > 0:  # the page lists no programs that ran before a collector
                self.wait_for_end(event)

    def started(self) -> "list[Event]":
        self._check()
        version = self._database.version()
        self._has_changed = version != self._version
        if not self._has_changed:
            return []
        events = self._following.started()
        self._version = None if events else version  # there may be more
        return events

    def wait_for_end(self, event: "Event") -> object:
        return self._following.wait_for_end(event)

    def ended(self) -> "list[Event]":
        return self._following.ended() if self._has_changed else []
