"""Follows a central store from a moment on: what comes, in a short transaction each time."""

from collections.abc import Iterator
from contextlib import ExitStack

from execdb.store.central.asking.central_store import CentralStore
from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.session import Session, open_session
from execdb.store.central.following.arrivals import Arrivals
from execdb.store.central.following.look import Looks
from execdb.store.central.following.news import HostEnded, News
from execdb.store.central.following.running import Running
from execdb.store.central.following.silence import Silence
from execdb.store.central.url import CentralUrl
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.fields import OF_THE_END
from execdb.store.ledger.coverage import Period
from execdb.store.reading.filter import Filter

_ANSWER_S = 30


class Following:
    """`store` is that of the moment from which on it follows, to be asked before the first `look`.
    Raises CentralError; after `reopen` nothing is missing or there twice."""

    def __init__(self, url: CentralUrl, wanted: Filter) -> None:
        """Raises UsageError if events of several hosts have the id of an ancestor, or ancestors
        are of several."""
        self._url, self._wanted = url, wanted
        self._stack = ExitStack()
        self._session = self._open()
        self.store = CentralStore(self._session)
        self._ancestor, self.family = self._find_ancestor()
        runs = self.store.roster.runs
        self._arrivals = Arrivals(runs, self._is_chosen, self._at_start())
        self._news = News(self._session, self._arrivals.runs.values())
        self._looks, self._silence, self.running = Looks(), Silence(), Running()
        self._hear(self._looks.changed(self._session))
        self._silence.new(self._looks.now_us)
        self.is_quiet = self._silence.all  # no host ships now
        self.has_hosts = self.store.has_hosts(wanted)
        self._learned: list[tuple[Run | None, Run]] = []

    def _open(self) -> Session:
        return self._stack.enter_context(open_session(self._url))

    def close(self) -> None:
        self._stack.close()

    def reopen(self) -> None:
        """After an error."""
        self._stack.close()
        self._session = self._open()
        self._looks.again()
        self.running.look_for(None)

    def _find_ancestor(self) -> tuple[Run | None, list[int]]:
        numbers = self._wanted.descendants_of
        found = (self.store.key_named(number, self._wanted) for number in numbers)
        keys = [key for key in found if key is not None]
        runs = [self.store.roster.by_id[run_id] for run_id, _ in keys]
        if len({(run.host, run.boot_id) for run in runs}) > 1:
            raise UsageError("--follow takes --descendants-of events of one boot of one host")
        first = min(runs, key=lambda run: run.local_run_id, default=None)
        return first, [row for key in keys for row in self.store.started_by(key)]

    def _is_chosen(self, run: Run) -> bool:
        if not self._wanted.descendants_of:
            return self._wanted.of_runs(run.values)
        first = self._ancestor
        if first is None or (run.host, run.boot_id) != (first.host, first.boot_id):
            return False
        return run.run_id == first.run_id or run.local_run_id > first.local_run_id

    def _at_start(self) -> Filter:
        """What the server is asked of events as they start: nothing if all of a family count."""
        if self._wanted.descendants_of:
            return Filter(replays=True)
        terms = tuple(term for term in self._wanted.terms if term.field not in OF_THE_END)
        return Filter(terms, self._wanted.since_ns, replays=self._wanted.replays)

    def look(self) -> tuple[list[Period | HostEnded], list[tuple[str, int]]]:
        """Looks at what has come since. Returns what the ledgers say, and hosts of which nothing
        comes any more, with the time (us) of the latest."""
        self._session.answer_s = _ANSWER_S
        with self._session.moment():
            changed = self._looks.changed(self._session)
            self._learned += self._arrivals.learn(run for run, _ in changed)
            self.running.look_for({run.run_id for _, run in self._learned})
            news = self._news.of(self._session, self._learned)
        self._learned.clear()
        self._hear(changed)
        if not self._wanted.descendants_of:
            self.has_hosts |= len({run.host for run in self._arrivals.runs.values()}) > 1
        return news, self._silence.new(self._looks.now_us)

    def _hear(self, changed: list[tuple[Run, int]]) -> None:
        self._silence.learn((run, us) for run, us in changed if self._is_chosen(run))

    def starts(self) -> Iterator[tuple[list[Event], int]]:
        """What has come until the latest look, in parts, each with how many events were removed
        from the store before they could be read."""
        while self._arrivals.are_behind:
            with self._session.moment():
                part = self._arrivals.next(self._session)
            yield part

    def ended(self) -> Iterator[list[Event]]:
        """Those of the events waited for that have ended, in parts."""
        while self.running.may_have_ended:
            with self._session.moment():
                part = self.running.next_ended(self._session, self._arrivals.runs)
            yield part
