"""Follows a central store from a moment on: what has come since, each time that it is asked."""

from execdb.store.central.asking.central_store import CentralStore
from execdb.store.central.asking.roster import Boot, Run
from execdb.store.central.asking.session import Session
from execdb.store.central.following.arrivals import Arrivals
from execdb.store.central.following.look import Looks
from execdb.store.central.following.news import HostEnded, News
from execdb.store.central.following.running import Running
from execdb.store.central.following.silence import Silence
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.fields import OF_THE_END
from execdb.store.ledger.coverage import Period
from execdb.store.reading.filter import Filter


class Following:
    """Every method takes the session of a short transaction. Raises CentralError; after `again`
    nothing is missing or there twice."""

    def __init__(self, session: Session, store: CentralStore, wanted: Filter) -> None:
        """From the moment of `store` on. Raises UsageError if events of several hosts have the id
        of an ancestor, or ancestors are of several."""
        self._wanted = wanted
        self._ancestor, self.family = self._find_ancestor(store)
        self._arrivals = Arrivals(store.roster.runs, self._is_chosen, self._at_start())
        self._news = News(session, self._arrivals.runs.values())
        self._looks, self._silence, self.running = Looks(), Silence(), Running()
        self._hear(self._looks.changed(session))
        self._silence.new(self._looks.now_us)
        self.is_quiet = self._silence.all  # no host ships now
        self.has_hosts = store.has_hosts(wanted)
        self._learned: list[tuple[Run | None, Run]] = []

    def again(self) -> None:
        """After an error: it may be another server now."""
        self._looks.again()
        self.running.look_for(None)

    def _find_ancestor(self, store: CentralStore) -> tuple[Run | None, list[int]]:
        numbers = self._wanted.descendants_of
        found = (store.key_named(number, self._wanted) for number in numbers)
        keys = [key for key in found if key is not None]
        runs = [store.roster.by_id[run_id] for run_id, _ in keys]
        if len({(run.host, run.boot_id) for run in runs}) > 1:
            raise UsageError(
                "what comes can be followed of the descendants of events of one boot of one host: "
                "give --descendants-of for one of them"
            )
        first = min(runs, key=lambda run: run.local_run_id, default=None)
        boot = [] if first is None else store.roster.boot_of(first).runs
        self._boot = {run.run_id: run for run in boot}
        return first, [row for key in keys for row in store.started_by(key)]

    def _is_chosen(self, run: Run) -> bool:
        if not self._wanted.descendants_of:
            return self._wanted.of_runs(run.values)
        first = self._ancestor
        if first is None or (run.host, run.boot_id) != (first.host, first.boot_id):
            return False
        self._boot[run.run_id] = run  # as it is known now
        boot = Boot([*self._boot.values()])
        return run.run_id == first.run_id or boot.is_before(self._boot[first.run_id], run)

    def _at_start(self) -> Filter:
        """What the server is asked of events as they start: nothing if all of a family count."""
        if self._wanted.descendants_of:
            return Filter(replays=True)
        terms = tuple(term for term in self._wanted.terms if term.field not in OF_THE_END)
        return Filter(terms, self._wanted.since_ns, replays=self._wanted.replays)

    def look(self, session: Session) -> list[Period | HostEnded]:
        """Looks at what has come since. Returns what the ledgers say."""
        changed = self._looks.changed(session)
        self._learned += self._arrivals.learn(run for run, _ in changed)
        self.running.look_for({run.run_id for _, run in self._learned})
        news = self._news.of(session, self._learned)
        self._learned.clear()
        self._hear(changed)
        if not self._wanted.descendants_of:
            self.has_hosts |= len({run.host for run in self._arrivals.runs.values()}) > 1
        return news

    def silent(self) -> list[tuple[str, int]]:
        """Hosts of which nothing comes any more, with the time (us) of the latest; each once."""
        return self._silence.new(self._looks.now_us)

    def _hear(self, changed: list[tuple[Run, int]]) -> None:
        self._silence.learn((run, us) for run, us in changed if self._is_chosen(run))

    @property
    def is_behind(self) -> bool:
        """Whether events have come until the latest look that were not read yet."""
        return self._arrivals.are_behind

    def next_started(self, session: Session) -> tuple[list[Event], int]:
        """Some of these, and how many events were removed from the store before they could be
        read."""
        return self._arrivals.next(session)

    def next_ended(self, session: Session) -> list[Event]:
        """Some of the events waited for that have ended, if `running.may_have_ended`."""
        return self.running.next_ended(session, self._arrivals.runs)
