"""Reads events in order.

Without settings of the clock that is the order of times, so days are read one after the other, as
many at once as the server can sort in little memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from itertools import chain, islice
from typing import NamedTuple

from execdb.store.central.asking.conditions import Asked, Condition, asked
from execdb.store.central.asking.days import Days, size_of, stretches
from execdb.store.central.asking.kin import Kin
from execdb.store.central.asking.roster import Roster, Run
from execdb.store.central.asking.rows import COLUMNS, events_of
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Key, Scope, union
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.errors import UsageError
from execdb.store.event import Event
from execdb.store.reading.filter import Filter

_KEPT_MAX = 10_000  # events, to be given in the opposite order
_ROW_BYTES = 300  # at least
_LISTED_MAX = 20_000  # keys in one statement


class Portion(NamedTuple):
    """Rows of a scope for which conditions hold."""

    scope: Scope
    conditions: Sequence[Condition] = ()


class Reading:
    """Reads the events of a central store. All methods raise CentralError."""

    def __init__(self, session: Session, roster: Roster, days: Days, kin: Kin) -> None:
        self._session, self._roster, self._days, self._kin = session, roster, days, kin
        self._meant: dict[int, Key] = {}  # which event `latest_of` meant by an id
        self._named: dict[tuple[int, frozenset[int]], Key | None] = {}  # in which runs

    def asked(self, wanted: Filter) -> Asked:
        """What rows must meet; nothing about live replays where there were none."""
        return asked(wanted if self.has_replays else replace(wanted, replays=True))

    @cached_property
    def has_replays(self) -> bool:
        """Whether any run may have rows of a live replay."""
        return bool(self._session.rows("SELECT EXISTS (SELECT FROM execdb.replayed)")[0][0])

    def scope(self, wanted: Filter) -> Scope:
        """Where the rows are that may be wanted."""
        since_ns, until_ns = wanted.since_ns, wanted.until_ns
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        scope = Scope(None if len(runs) == len(self._roster.runs) else runs, since_ns, until_ns)
        if wanted.descendants_of:
            times: dict[Key, datetime] = {}
            for key in self.keys_of(wanted.descendants_of, wanted):
                times |= self._kin.descendants(key)
            return scope.of_keys(times).within(since_ns, until_ns)
        uids = _uids(wanted)
        if scope.runs is None and uids is None:
            return scope
        days = self._days.of_runs(scope.runs, uids)
        return scope._replace(days=days).within(since_ns, until_ns)

    def portions(self, wanted: Filter) -> Iterator["Portion"]:
        """The rows that are wanted, for queries that add up: all at once, or, where SQL cannot say
        which, in lists of some of them."""
        question = self.asked(wanted)
        if not question.rest:
            scope = self.scope(wanted)
            self._session.join_by_day()
            yield Portion(scope, question.conditions)
            return
        events = self.events(wanted, 0, False)
        while keys := [(event.run_id, event.id) for event in islice(events, _LISTED_MAX)]:
            yield Portion(Scope(keys=keys))

    def count(self, wanted: Filter) -> int:
        question = self.asked(wanted)
        if question.rest:
            return sum(1 for _ in self.events(wanted, 0, False))
        query = union("count(*)", self.scope(wanted), question.conditions)
        return sum(row[0] for row in self._session.rows(*query))

    def events(self, wanted: Filter, limit: int, reverse: bool) -> Iterator[Event]:
        """As `Store.events`."""
        scope, question = self.scope(wanted), self.asked(wanted)
        if not limit or reverse:
            found = self._read(scope, question, reverse, limit)
            return islice(found, limit) if limit else found
        if limit <= _KEPT_MAX:
            return reversed([*islice(self._read(scope, question, True, limit), limit)])
        left_out = max(0, self.count(wanted) - limit)
        return islice(self._read(scope, question, False, 0), left_out, None)

    def running(self, wanted: Filter, most: int) -> list[Event]:
        """The latest events that are wanted, oldest first, of the latest boot of each host; also
        programs that ran before a collector. `wanted` is of what runs."""
        runs = self._roster.wanted(wanted)
        latest = {run.host: run for run in sorted(runs, key=lambda run: run.started_ns or 0)}
        boots = {(run.host, run.boot_id) for run in latest.values()}
        here = [run.run_id for run in runs if (run.host, run.boot_id) in boots]
        scope = self.scope(wanted)._replace(runs=here, seen=True)
        conditions, rest = self.asked(wanted)
        open_ones = Asked([*conditions, Condition("e.status IS NULL")], rest)  # has an index
        return list(islice(self._part(scope, open_ones, True, most), most))[::-1]

    def _read(self, scope: Scope, question: Asked, reverse: bool, limit: int) -> Iterator[Event]:
        """In order; `limit` tells how many are needed at most (0: all)."""
        parts = self.parts(scope, reverse)
        return chain.from_iterable(self._part(each, question, reverse, limit) for each in parts)

    def parts(self, scope: Scope, reverse: bool, *, small: bool = False) -> Iterable[Scope]:
        """The scope in parts that can be read one after the other; `small`: of one day each."""
        if self._roster.shifts or scope.keys is not None:
            return [scope]
        if small:
            return stretches(self._session, scope, reverse, 1.0, 0)
        return stretches(self._session, scope, reverse, self._share(scope))

    def _share(self, scope: Scope) -> float:
        """What part of all events the runs have, but not 0."""
        if scope.runs is None:
            return 1.0
        known = [self._roster.by_id[run_id].shipped for run_id in scope.runs]
        return (1 + sum(known)) / (1 + sum(run.shipped for run in self._roster.runs))

    def rows_in(self, scope: Scope) -> int:
        """About how many rows have to be looked at for a scope, rather more."""
        if scope.keys is not None:
            return len(scope.keys)
        rows = size_of(self._session, scope) // _ROW_BYTES
        if scope.runs is None:
            return rows
        return min(rows, sum(self._roster.by_id[run_id].shipped for run_id in scope.runs))

    def _part(self, scope: Scope, question: Asked, reverse: bool, limit: int) -> Iterator[Event]:
        events = self.rows(scope, question, reverse, limit)
        return filter(question.wants, events) if question.rest else events

    def rows(self, scope: Scope, question: Asked, reverse: bool, limit: int) -> Iterator[Event]:
        """The rows of a part that meet all that SQL can say, in order."""
        if scope.keys is not None and not scope.keys:
            return iter(())
        columns = f"{COLUMNS}, {self.moment} AS moment"
        sql, values = self.with_shifts(union(columns, scope, question.conditions))
        direction = "DESC" if reverse else "ASC"
        sql += f" ORDER BY {', '.join(f'{name} {direction}' for name in _ORDER)}"
        if limit and not question.rest:
            sql, values = f"{sql} LIMIT %s", [*values, limit]
        return events_of(self._session.stream(sql, values), self._roster.by_id)

    def checked(self, scope: Scope, question: Asked) -> Iterator[Event]:
        """The events of a scope that meet all that is asked, oldest first."""
        return self._part(scope, question, False, 0)

    @property
    def in_order_of_time(self) -> bool:
        """Whether no clock was set: then events are in the order of their times."""
        return not self._roster.shifts

    @property
    def moment(self) -> str:
        """SQL of what events are in the order of; in a query for `with_shifts`."""
        return _SHIFTED if self._roster.shifts else TIME_NS

    def with_shifts(self, query: Condition) -> Condition:
        """The same with what the moments of boots in which the clock was set need."""
        shifts = self._roster.shifts
        if not shifts:
            return query
        sql = f"WITH shift (run_id, ns) AS ({_SHIFTS}) {query.sql}"
        return Condition(sql, [[*shifts], [*shifts.values()], *query.values])

    def rows_with(self, keys: Iterable[Key]) -> Iterator[Event]:
        """The events that have these keys, oldest first, also those that were seen."""
        wanted = sorted(keys)
        scope = Scope(keys=wanted, seen=True, days=self._days.with_ids(wanted))
        return self._part(scope, Asked(()), False, 0)

    def keys_of(self, numbers: Iterable[int], wanted: Filter) -> list[Key]:
        """Which events have these ids, in order. Raises UsageError likewise."""
        keys = (self.key_of(number, wanted) for number in numbers)
        return sorted({key for key in keys if key is not None})

    def key_of(self, number: int, wanted: Filter) -> Key | None:
        """Which event has this id. Raises UsageError if it names events of several hosts."""
        if number in self._meant:
            return self._meant[number]
        runs = {run.run_id: run for run in self._roster.wanted(wanted)}
        name = number, frozenset(runs)
        if name not in self._named:
            self._named[name] = self._named_in(number, runs)
        return self._named[name]

    def _named_in(self, number: int, runs: Mapping[int, Run]) -> Key | None:
        there = self._kin.existing((run_id, number) for run_id in runs)
        hosts = sorted({runs[run_id].host for run_id, _ in there})
        if len(hosts) > 1:
            raise UsageError(
                f"{len(hosts)} hosts have an event {number}: choose one by --host, as "
                f"--host {hosts[0]}"
            )
        # Another file of that host may have the same id: the latest is meant.
        return max(there, key=lambda key: runs[key[0]].started_ns or 0, default=None)

    def latest_of(self, pid: int, wanted: Filter) -> int | None:
        """The id of the latest image that ran under this pid, which then names that event. Raises
        UsageError if several hosts have one."""
        runs = [run.run_id for run in self._roster.wanted(wanted)]
        scope = Scope(runs, recorded=True, seen=True)
        query = union("e.run_id, e.id", scope, [Condition("e.pid = %s", [pid])])
        order = {run_id: place for place, run_id in enumerate(runs)}
        rows: list[tuple[int, int]] = [
            (order[run_id], id_) for run_id, id_ in self._session.rows(*query)
        ]
        if not rows:
            return None
        hosts = sorted({self._roster.by_id[runs[place]].host for place, _ in rows})
        if len(hosts) > 1:
            raise UsageError(
                f"{len(hosts)} hosts have a process {pid}: choose one by --host, as "
                f"--host {hosts[0]}"
            )
        # What was seen when a run began comes before all that it recorded; their ids go down.
        place, number = max(rows, key=lambda row: (row[0], row[1] > 0, abs(row[1])))
        self._meant[number] = runs[place], number
        return number


def _uids(wanted: Filter) -> list[int] | None:
    """The only users whose events are wanted, if they are listed."""
    for term in wanted.terms:
        uids = [value for value in term.any_of if isinstance(value, int)]
        if term.field == "uid" and not term.negated and len(uids) == len(term.any_of):
            return uids
    return None


_SHIFTS = "SELECT * FROM unnest(%s::bigint[], %s::bigint[])"
_SHIFTED = (
    f"coalesce((SELECT e.boot_ns + shift.ns FROM shift WHERE shift.run_id = e.run_id), {TIME_NS})"
)
_ORDER = "moment", "time_ns", "id", "run_id"
