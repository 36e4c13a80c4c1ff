"""`query --follow`: the history that is asked for, then what comes, read from the file alone."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from execdb.cli.input.formats import EventFormat
from execdb.cli.output.stdout import ReaderGone, emit
from execdb.cli.output.streams import encode_for, say
from execdb.cli.session.changes import Changes
from execdb.cli.session.stop import Interrupt
from execdb.cli.show.formats import renderer
from execdb.cli.show.gap_notes import INCOMPLETE, coverage_of, gaps_in, note, notes
from execdb.cli.show.notes import filter_notes, replay_notes
from execdb.store.asking.file import FileStore
from execdb.store.errors import DatabaseError, UsageError
from execdb.store.event import Event
from execdb.store.fields import OF_THE_END, without_end
from execdb.store.file.database import Database, open_database
from execdb.store.file.locks.collector_lock import collector_pid
from execdb.store.ledger.news import News, RunEnded
from execdb.store.reading.event_filter import EventFilter
from execdb.store.reading.filter import Filter
from execdb.store.reading.following import RUNNING_MAX, Following
from execdb.store.terms.term import Range, Term
from execdb.store.times import local_time

_FORMATS_OF_ENDS = EventFormat.LINE, EventFormat.NDJSON
_FORMATS = *_FORMATS_OF_ENDS, EventFormat.PLAIN
_IDLE_S = 1.0  # how long to wait for a change before looking anyway
_SOON_S = (0.002, 0.008, 0.04)  # after a change: the WAL is written before a commit can be seen
_PAUSE_S = 0.01  # between looks, however often the file changes
_NEWS_S = 1.0  # between looks at the ledger
_SILENT_S = 6.0  # a collector writes every 5 s that it is alive


@dataclass(frozen=True)
class FollowOptions:
    """`limit` is how many events of before are shown, if their time is not limited (0: all of that
    time, or none); `change` is what becomes of events before they are shown. Raises UsageError for
    a format that cannot show what comes."""

    shown: EventFormat
    limit: int
    ends: bool
    change: Callable[[Iterable[Event]], Iterator[Event]]
    strict: bool

    def __post_init__(self) -> None:
        allowed = _FORMATS_OF_ENDS if self.ends else _FORMATS
        if self.shown not in allowed:
            what = "ends" if self.ends else "what comes"
            raise UsageError(
                f"--format {self.shown} cannot show {what}: use {' or '.join(allowed)}"
            )


def follow_to(path: Path, wanted: Filter, options: FollowOptions) -> None:
    """Ends at Ctrl-C. Raises UsageError; DatabaseError, also if the file is replaced."""
    if wanted.until_ns is not None:
        raise UsageError("--follow has no end, so it goes without --until")
    encode_for(options.shown)
    with_ends = "line or end" if options.shown is EventFormat.LINE else str(options.shown)
    began_ns = time.time_ns()
    with open_database(path) as database:
        follower = Follower(database, path, wanted, ends=options.ends)
        if wanted.since_ns is not None or options.limit:
            emit(renderer(options.shown)(options.change(follower.before(options.limit))))
        emit(renderer(with_ends)(options.change(follower.after())))
        # At the end: rules leave something out all the time.
        since = replace(wanted, since_ns=follower.oldest_ns or began_ns)
        replay_notes.note(follower.store, since)
        filter_notes.note(follower.store, since, None)
    if options.strict and follower.gaps:
        raise typer.Exit(INCOMPLETE)


class Follower:
    """Follows a file from now on. `gaps` counts the gaps that were said, `oldest_ns`
    is the time from which on events of before were shown."""

    def __init__(self, database: Database, path: Path, wanted: Filter, *, ends: bool) -> None:
        self._database, self._path, self._wanted, self._ends = database, path, wanted, ends
        self._following, self._news = Following(database), News(database)
        self.store = FileStore(self._following, path)
        ancestor = wanted.descendants_of
        family = () if ancestor is None else self._following.started_by(ancestor)
        self._filter = EventFilter(wanted, family)
        self._until_now = Term("id", (Range(None, self._following.last_id),))
        self._too_many = False  # programs run; whether it was said
        self._run_id = 0  # of the latest event
        self._news_at_s = self._changed_s = time.monotonic()
        self._missed = collector_pid(path) is None  # whether it was said that there is none
        self.gaps = 0
        self.oldest_ns = wanted.since_ns
        self._wait_for_those_that_run()
        if self._missed:
            say("note: no collector is running: waiting for one")
        self._interrupt = Interrupt()

    def _wait_for_those_that_run(self) -> None:
        """Of programs that run now `after` gives the ends as well, if ends are wanted."""
        if not (self._ends or self._filter.about_the_end):
            return
        boot = self._following.boot_now()
        if boot is None:
            return
        terms = [term for term in self._wanted.terms if term.field not in OF_THE_END]
        here = self._until_now, Term("boot_id", (boot,))
        running = replace(self._wanted, terms=(*terms, *here), failed=None, running=True)
        for event in self._following.running(running, RUNNING_MAX + 1):
            self._wait_for_end(event)

    def _wait_for_end(self, event: Event) -> None:
        if self._following.wait_for_end(event) and not self._too_many:
            self._too_many = True
            self._say(f"note: over {RUNNING_MAX} programs run: ends of the oldest are not shown")

    def before(self, limit: int) -> Iterator[Event]:
        """What was recorded until now, and notes on its gaps."""
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
        """What comes, until Ctrl-C. Raises DatabaseError, ReaderGone."""
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

    def _say(self, *lines: str) -> None:
        if lines:
            sys.stdout.flush()
        for line in lines:
            say(line)
