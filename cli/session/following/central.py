"""Follows a central store: what comes from its hosts, whatever happens to the server meanwhile."""

import contextlib
import random
import select
import sys
from collections.abc import Iterator

from execdb.cli.output.escape import escape
from execdb.cli.output.stdout import ReaderGone
from execdb.cli.session.central.shipping import retry_s
from execdb.cli.session.following.follower import Follower
from execdb.cli.session.stop import Interrupt
from execdb.cli.show.gap_notes import PRUNED_MEANWHILE, gaps_of, note, notes
from execdb.store.asking.opening import open_store
from execdb.store.asking.store import Store
from execdb.store.central.errors import CentralError, CentralRefusal
from execdb.store.central.following.connected import Connected
from execdb.store.central.following.news import HostEnded
from execdb.store.central.url import CentralUrl
from execdb.store.event import Event
from execdb.store.ledger.coverage import Period, Why
from execdb.store.reading.filter import Filter
from execdb.store.reading.following import RUNNING_MAX
from execdb.store.times import local_time

_PAUSE_S = 1.0  # between looks
_FAILURES_MAX, _SLOWEST = 60, 6  # tries in a row; after so many the pauses grow no longer


class CentralFollower(Follower):
    """Raises CentralError, UsageError."""

    def __init__(self, url: CentralUrl, wanted: Filter, *, ends: bool) -> None:
        self._url, self._connected = url, Connected(url, wanted)
        self._following = self._connected.following
        super().__init__(wanted, self._following.family, ends=ends)
        self.names_hosts = self._following.has_hosts
        self._ended: list[Event] = []  # of events that have just come, to be shown after them
        self._failures = 0  # in a row
        running = self._while_running()
        if running is not None:
            for event in self._connected.store.running(running, RUNNING_MAX + 1):
                self._wait_for_end(event)
        if self._following.is_quiet:
            self._say("note: no host ships to this store now: waiting for one")
        self._interrupt = Interrupt()

    def close(self) -> None:
        self._interrupt.close()
        self._connected.close()

    @property
    def is_over(self) -> bool:
        return self._interrupt.asked

    @contextlib.contextmanager
    def last_look(self) -> Iterator[Store | None]:
        if self._failures:  # which was said
            yield None
            return
        with open_store(self._url) as store:
            yield store

    def _wait_for(self, event: Event) -> bool:
        if event.ended is None:
            return self._following.running.add(event)
        self._ended.append(event)  # most have their end when they come
        return False

    def before(self, limit: int) -> Iterator[Event]:
        store, oldest_ns = self._connected.store, None
        for event in store.events(self._wanted, limit=limit):
            if self._interrupt.asked:
                return
            oldest_ns = oldest_ns or event.time_ns
            yield event
        if limit:
            self.oldest_ns = oldest_ns
        gaps = gaps_of(store.coverage(self._wanted), self._wanted, oldest_ns if limit else None)
        gaps = [gap for gap in gaps if gap.why is not Why.NOT_SHIPPED]  # it will be
        self.gaps += len(gaps)
        self._say(*notes(gaps))

    def after(self) -> Iterator[Event]:
        while not self._interrupt.asked:
            try:
                news, silent = self._connected.look()
                self._tell(news, silent)
                if self._following.has_hosts and not self.names_hosts:
                    self.names_hosts = True
                    return
                yield from self._new()
            except CentralRefusal:
                raise
            except CentralError as error:
                self._reopen(error)
            else:
                self._works()
                self._pause(_PAUSE_S)

    def _new(self) -> Iterator[Event]:
        """What has come until the latest look: starts, and ends after them."""
        for events, removed in self._connected.starts():
            if removed:
                self.gaps += 1
                self._say(PRUNED_MEANWHILE)
            for event in events:
                if self._interrupt.asked:
                    return
                if self._wanted.since_ns is None or event.time_ns >= self._wanted.since_ns:
                    yield from self._start(event)
            ended, self._ended = sorted(self._ended, key=end_ns), []
            yield from filter(self._filter.wants, ended)
        for events in self._connected.ended():
            yield from filter(self._filter.wants, events)

    def _tell(self, news: list[Period | HostEnded], silent: list[tuple[str, int]]) -> None:
        """Says what the ledgers say since."""
        for each in news:
            if isinstance(each, HostEnded):
                who = f"the collector{self._of(each.host)} ended at {local_time(each.time_ns)}"
                self._say(f"note: {who}: waiting for the next one")
            else:
                self.gaps += 1
                named = self._following.has_hosts
                self._say(note([each if named else each._replace(host=None)]))
        for host, heard_us in silent:
            what = f"nothing has come from {escape(host)} since {local_time(heard_us * 1_000)}"
            self._say(f"note: {what}: waiting for it")

    def _of(self, host: str) -> str:
        return f" of {escape(host)}" if self._following.has_hosts else ""

    def _reopen(self, error: CentralError) -> None:
        """Tries until it succeeds, or Ctrl-C. Raises CentralError if it cannot be reached for
        long, or refuses."""
        while not self._interrupt.asked:
            self._failures += 1
            if self._failures == 1:
                self._say(f"execdb: {error}; trying again")
            if self._failures > _FAILURES_MAX:
                raise error
            self._pause(retry_s(min(self._failures - 1, _SLOWEST), random.random()))
            try:
                self._connected.reopen()
                return
            except CentralRefusal:
                raise
            except CentralError as later:
                error = later

    def _works(self) -> None:
        if self._failures:
            self._failures = 0
            self._say("following again")

    def _pause(self, for_s: float) -> None:
        """Raises ReaderGone."""
        sys.stdout.flush()
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)  # errors and hang-ups are always reported
        poll.register(self._interrupt.descriptor, select.POLLIN)
        if any(fd != self._interrupt.descriptor for fd, _ in poll.poll(for_s * 1_000)):
            raise ReaderGone


def end_ns(event: Event) -> int:
    return event.time_ns + (event.duration_ns or 0)
