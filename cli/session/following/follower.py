"""What following a file and following a central store have in common."""

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

from execdb.cli.output.streams import say
from execdb.store.asking.store import Store
from execdb.store.event import Event
from execdb.store.fields import without_end
from execdb.store.reading.event_filter import EventFilter
from execdb.store.reading.filter import Filter
from execdb.store.reading.following import RUNNING_MAX, while_running
from execdb.store.terms.term import Term


class Follower(ABC):
    """Follows a store from now on. `gaps` counts the gaps that were said, `oldest_ns` is the time
    from which on events of before were shown. `names_hosts`: lines say which host they are of."""

    names_hosts = False

    def __init__(self, wanted: Filter, family: Iterable[int], *, ends: bool) -> None:
        self._wanted, self._ends = wanted, ends
        self._filter = EventFilter(wanted, family)
        self._too_many = False  # programs run; whether it was said
        self.gaps = 0
        self.oldest_ns = wanted.since_ns

    @abstractmethod
    def close(self) -> None: ...

    @property
    @abstractmethod
    def is_over(self) -> bool:
        """Whether there was a Ctrl-C."""

    @abstractmethod
    def before(self, limit: int) -> Iterator[Event]:
        """What was recorded until now, and notes on its gaps."""

    @abstractmethod
    def after(self) -> Iterator[Event]:
        """What comes, until Ctrl-C, or until `names_hosts` changes. Raises DatabaseError,
        CentralError, ReaderGone."""

    @abstractmethod
    def last_look(self) -> contextlib.AbstractContextManager[Store | None]:
        """The store as it is at the end; None if it cannot be reached now."""

    @abstractmethod
    def _wait_for(self, event: Event) -> bool:
        """Waits for the event's end; whether another one had to be given up."""

    def _while_running(self, *terms: Term) -> Filter | None:
        """What is wanted of programs that run now, so that their ends are shown. None: no ends."""
        if not (self._ends or self._filter.about_the_end):
            return None
        return while_running(self._wanted, *terms)

    def _wait_for_end(self, event: Event) -> None:
        if self._wait_for(event) and not self._too_many:
            self._too_many = True
            self._say(f"note: over {RUNNING_MAX} programs run: ends of the oldest are not shown")

    def _start(self, event: Event) -> Iterator[Event]:
        """The event as it was at its start. If that is not wanted, its end may be."""
        if not self._filter.may_want(event):
            return
        start = without_end(event)
        shown = self._filter.wants(start)
        if shown:
            yield start
        if event.errno is None and (self._ends or (self._filter.about_the_end and not shown)):
            self._wait_for_end(event)

    def _say(self, *lines: str) -> None:
        if lines:
            sys.stdout.flush()
        for line in lines:
            say(line)
