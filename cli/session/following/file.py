"""Follows a file, reading it alone: beside its collector, without privileges."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from execdb.cli.output.stdout import ReaderGone
from execdb.cli.output.streams import say
from execdb.cli.session.changes import Changes
from execdb.cli.session.following.follower import Follower
from execdb.cli.session.stop import Interrupt
from execdb.cli.show.gap_notes import coverage_of, gaps_in, note, notes
from execdb.store.asking.file import FileStore
from execdb.store.asking.store import Store
from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.file.database import Database
from execdb.store.file.locks.collector_lock import collector_pid
from execdb.store.ledger.news import News, RunEnded
from execdb.store.reading.filter import Filter
from execdb.store.reading.following import RUNNING_MAX, Following
from execdb.store.terms.term import Range, Term
from execdb.store.times import local_time

_IDLE_S = 1.0  # how long to wait for a change before looking anyway
_SOON_S = (0.002, 0.008, 0.04)  # after a change: the WAL is written before a commit can be seen
_PAUSE_S = 0.01  # between looks, however often the file changes
_NEWS_S = 1.0  # between looks at the ledger
_SILENT_S = 6.0  # a collector writes every 5 s that it is alive


class FileFollower(Follower):
    """Follows a file."""

    def __init__(self, database: Database, path: Path, wanted: Filter, *, ends: bool) -> None:
        self._database, self._path = database, path
        self._following, self._news = Following(database), News(database)
        self.store = FileStore(self._following, path)
        family = self._following.started_by(wanted.descendants_of)
        super().__init__(wanted, family, ends=ends)
        self._until_now = Term("id", (Range(None, self._following.last_id),))
        self._run_id = 0  # of the latest event
        self._news_at_s = self._changed_s = time.monotonic()
        self._missed = collector_pid(path) is None  # whether it was said that there is none
        self._wait_for_those_that_run()
        if self._missed:
            say("note: no collector is running: waiting for one")
        self._interrupt = Interrupt()

    def close(self) -> None:
        self._interrupt.close()

    @property
    def is_over(self) -> bool:
        return self._interrupt.asked

    def last_look(self) -> contextlib.AbstractContextManager[Store | None]:
        return contextlib.nullcontext(self.store)

    def _wait_for_those_that_run(self) -> None:
        """Of programs that run now `after` gives the ends as well, if ends are wanted."""
        boot = self._following.boot_now()
        running = self._while_running(self._until_now, Term("boot_id", (boot,)))
        if running is not None and boot is not None:
            for event in self._following.running(running, RUNNING_MAX + 1):
                self._wait_for_end(event)

    def _wait_for(self, event: Event) -> bool:
        return self._following.wait_for_end(event)

    def before(self, limit: int) -> Iterator[Event]:
        wanted = replace(self._wanted, terms=(*self._wanted.terms, self._until_now))
        oldest_ns = None
        for event in self._following.events(wanted, limit=limit):
            if self._interrupt.asked:
                return
            oldest_ns = oldest_ns or event.time_ns
            yield event
        if limit:
            self.oldest_ns = oldest_ns
        known = coverage_of(self._database, self._path)
        gaps = gaps_in(known, wanted, oldest_ns if limit else None)
        self.gaps += len(gaps)
        self._say(*notes(gaps))

    def after(self) -> Iterator[Event]:
        stdout, interrupt = sys.stdout.fileno(), self._interrupt.descriptor
        with contextlib.closing(Changes(self._database.real, stdout, interrupt)) as changes:
            for _ in self._commits(changes):
                yield from self._new()

    def _commits(self, changes: Changes) -> Iterator[None]:
        """Yields after each commit of somebody, or several."""
        known, soon = None, iter(_SOON_S)
        while not self._interrupt.asked:
            version = self._database.data_version()
            if version != known:
                known, self._changed_s = version, time.monotonic()
                yield
                self._tell()
                sys.stdout.flush()
                time.sleep(_PAUSE_S)
                continue
            self._look_around()
            if changes.wait(next(soon, _IDLE_S)):
                soon = iter(_SOON_S)
                time.sleep(_PAUSE_S / 10)
            if not changes.has_reader:
                raise ReaderGone

    def _new(self) -> Iterator[Event]:
        while events := self._following.started():
            for event in events:
                if self._interrupt.asked:
                    return
                if event.run_id != self._run_id:
                    self._run_id = event.run_id
                    self._tell(at_once=True)
                yield from self._start(event)
        yield from filter(self._filter.wants, self._following.ended())

    def _look_around(self) -> None:
        """While nothing is committed. Raises DatabaseError if the file was replaced."""
        if not self._database.is_there():
            raise DatabaseError(f"{self._path} was moved or replaced: follow the new one")
        self._tell()
        silent = time.monotonic() - self._changed_s > _SILENT_S
        if silent and not self._missed and self._news.recording:
            self._missed = collector_pid(self._path) is None
            if self._missed:
                self._say("note: the collector has crashed: waiting for the next one")

    def _tell(self, *, at_once: bool = False) -> None:
        """Says what the ledger says since."""
        now_s = time.monotonic()
        if not at_once and now_s < self._news_at_s:
            return
        self._news_at_s = now_s + _NEWS_S
        for news in self._news.look():
            if isinstance(news, RunEnded):
                ended = local_time(news.time_ns)
                self._say(f"note: the collector ended at {ended}: waiting for the next one")
            else:
                self.gaps += 1
                self._missed = False
                self._say(note([news]))
