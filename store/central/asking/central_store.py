"""A central store, asked as a file is asked."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from execdb.store.central.asking import ledger, notes
from execdb.store.central.asking.days import Days
from execdb.store.central.asking.kin import Kin
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session, open_session
from execdb.store.central.asking.sources import Key
from execdb.store.central.asking.sums.newcomers import Newcomers
from execdb.store.central.asking.sums.statistics import statistics
from execdb.store.central.asking.sums.timeline import Counter, span_of
from execdb.store.central.asking.sums.trial import try_rules
from execdb.store.central.text import from_central, to_central
from execdb.store.central.url import CentralUrl
from execdb.store.config.log import LogRow
from execdb.store.config.rule import Rule
from execdb.store.event import Event
from execdb.store.ledger.coverage import Coverage
from execdb.store.ledger.filters import LeftOut
from execdb.store.ledger.trimmed import Trim
from execdb.store.overview.filtered import Filtered
from execdb.store.overview.newcomers import Newcomer
from execdb.store.overview.statistics import Groups
from execdb.store.overview.timeline import Division, Interval, divided
from execdb.store.overview.trial import Trial
from execdb.store.reading.filter import Filter
from execdb.store.reading.replays import Replay
from execdb.store.writing.marks import Mark

if TYPE_CHECKING:
    from execdb.store.central.asking.browsing.browsed import BrowsedCentral


@contextmanager
def open_central(url: CentralUrl) -> Iterator["CentralStore"]:
    """Raises CentralError."""
    with open_session(url) as session:
        yield CentralStore(session)


class CentralStore:
    """Raises CentralError. All that it answers is of one moment."""

    incomplete = False
    file = None

    def __init__(self, session: Session) -> None:
        self._session, self._roster = session, Roster(session)
        days = Days(session)
        self._kin = Kin(session, self._roster, days)
        self._reading = Reading(session, self._roster, days, self._kin)

    def __str__(self) -> str:
        return str(self._session.url)

    @property
    def roster(self) -> Roster:
        """The runs that there are."""
        return self._roster

    def snapshot(self) -> AbstractContextManager[None]:
        return nullcontext()  # as it is anyway

    def has_hosts(self, wanted: Filter) -> bool:
        if wanted.descendants_of:
            return len(self._hosts(wanted)) > 1
        return len({run.host for run in self._roster.wanted(wanted)}) > 1

    def ids_are_unique(self, wanted: Filter) -> bool:
        hosts = {*self._hosts(wanted)}
        runs = [run for run in self._roster.wanted(wanted) if run.host in hosts]
        # Each file numbers its runs from 1.
        return len(hosts) < 2 and len({run.local_run_id for run in runs}) == len(runs)

    def count(self, wanted: Filter) -> int:
        return self._reading.count(wanted)

    def events(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> Iterator[Event]:
        return self._reading.events(wanted, limit, reverse)

    def json_rows(self, wanted: Filter, *, limit: int = 0, reverse: bool = False) -> None:
        return None

    def running(self, wanted: Filter, most: int) -> list[Event]:
        return self._reading.running(wanted, most)

    def started_by(self, key: Key) -> list[int]:
        """The ids of what an event has started, directly or not."""
        return [id_ for _, id_ in sorted(self._kin.descendants(key))]

    def statistics(self, wanted: Filter, by: Sequence[str], watch: object = None) -> Groups:
        return statistics(self._session, self._roster, self._reading, wanted, by)

    def span_of(self, wanted: Filter) -> tuple[int, int] | None:
        return span_of(self._session, self._roster, wanted)

    def timeline(
        self, wanted: Filter, span: tuple[int, int], division: Division, by: str | None
    ) -> list[Interval]:
        counter = Counter(self._session, self._roster, self._reading, wanted)
        return divided(counter, span, division, by)

    def newcomers(
        self, wanted: Filter, baseline_ns: int | None, by: Sequence[str]
    ) -> list[Newcomer]:
        found = Newcomers(self._session, self._roster, self._reading)
        return found.of(wanted, baseline_ns, by)

    def trial(self, rules: Sequence[Rule], wanted: Filter, watch: object = None) -> Trial:
        return try_rules(self._session, self._roster, self._reading, rules, wanted)

    def began_ns(self, wanted: Filter) -> int | None:
        keys = self._reading.keys_of(wanted.descendants_of, wanted)
        return min((event.time_ns for event in self._reading.rows_with(keys)), default=None)

    def without_hosts(self, wanted: Filter) -> Filter:
        return replace(wanted, terms=tuple(t for t in wanted.terms if t.field != "host"))

    def latest_of(self, pid: int, wanted: Filter) -> int | None:
        return self._reading.latest_of(pid, wanted)

    def latest_run(self) -> int | None:
        """Of all hosts."""
        runs = [run for run in self._roster.runs if run.shipped]
        return max(runs, key=lambda run: run.started_ns or 0).run_id if runs else None

    def key_named(self, number: int, wanted: Filter) -> Key | None:
        return self._reading.key_of(number, wanted)

    def key_of(self, event: Event) -> Key:
        return event.run_id, event.id

    def rows_with(self, keys: Sequence[Key]) -> Iterator[Event]:
        return self._reading.rows_with(keys)

    def parents(self, keys: Sequence[Key]) -> dict[Key, Key | None]:
        return self._kin.parents(keys)

    def children(self, keys: Sequence[Key], most: int) -> list[Key]:
        return self._kin.children(keys, most)

    def coverage(self, wanted: Filter) -> Sequence[Coverage]:
        hosts = self._hosts(wanted)
        return ledger.coverage(self._session, self._roster.runs, hosts, time.time_ns())

    def _hosts(self, wanted: Filter) -> Sequence[str]:
        if keys := self._reading.keys_of(wanted.descendants_of, wanted):
            return sorted({self._roster.by_id[key[0]].host for key in keys})
        return self._roster.hosts(wanted)

    def counts(self, coverage: Coverage, intervals: Sequence[tuple[int, int]]) -> Sequence[int]:
        runs = [run.run_id for run in self._roster.runs if run.host == coverage.host]
        return ledger.counts(self._session, runs, intervals)

    def default_message(self, wanted: Filter) -> str | None:
        hosts = self._roster.hosts(wanted)
        return notes.default_message(self._session, hosts[0]) if len(hosts) == 1 else None

    def fullest(self) -> tuple[int, float]:
        return 0, 0.0

    def filters(self, wanted: Filter, since_ns: int | None) -> Sequence[LeftOut]:
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        return ledger.filters(self._session, runs, since_ns, wanted.until_ns)

    def filtered(self, wanted: Filter, span: tuple[int, int], every_ns: int) -> Sequence[Filtered]:
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        return notes.filtered(self._session, runs, span, every_ns)

    def marks(self, wanted: Filter, since_ns: int | None, until_ns: int | None) -> Sequence[Mark]:
        return notes.marks(self._session, self._roster.hosts(wanted), since_ns, until_ns)

    def changes(self, wanted: Filter, most: int) -> Sequence[LogRow]:
        return notes.changes(self._session, self._roster.hosts(wanted), most)

    def trims(self) -> Sequence[Trim]:
        return ()

    def replays(self, wanted: Filter) -> Sequence[Replay]:
        if not self._reading.has_replays:
            return ()
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        return ledger.replays(self._session, runs)

    def rows_of(self, view: str, columns: Sequence[str], wanted: Filter) -> list[Sequence[Any]]:
        hosts = [to_central(host) for host in self._roster.hosts(wanted)]
        sql = f"SELECT {', '.join(columns)} FROM execdb.{view} WHERE host = ANY(%s::text[])"
        when = next(column for column in columns if column.endswith("_ns"))
        rows = self._session.rows(f"{sql} ORDER BY {when}, run_id", [hosts])
        return [[from_central(x) if isinstance(x, str) else x for x in row] for row in rows]

    def browsed(self) -> "BrowsedCentral":
        from execdb.store.central.asking.browsing.browsed import BrowsedCentral

        return BrowsedCentral(self._session, self._roster, self._reading, self._kin)

    def time_of_mark(self, text: str) -> int:
        return notes.time_of_mark(self._session, text)
