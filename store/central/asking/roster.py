"""The runs that a central store has: which of them may be wanted, and how their clocks differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from execdb.store.central.asking.moments import moment
from execdb.store.central.asking.session import Session
from execdb.store.central.text import from_central
from execdb.store.reading.filter import Filter
from execdb.store.terms.match import matcher

_TAKE_OVER_NS = 60 * 10**9  # a collector that takes over begins before the other one ends
_SAME_CLOCK_NS = 1_000_000  # two collectors measure the difference of the clocks independently


class Run(NamedTuple):
    """A row of `run`."""

    run_id: int
    host: str
    boot_id: str
    local_run_id: int
    started_ns: int | None
    ended_ns: int | None
    ended: str | None
    alive_ns: int | None
    stored: int
    shipped_id: int
    shipped: int
    unshipped: int
    shipped_to_ns: int | None
    lost: int

    @property
    def values(self) -> dict[str, Any]:
        """What is the same in all its events."""
        return {"run_id": self.run_id, "host": self.host, "boot_id": self.boot_id}


class Boot:
    """The runs of one boot of a host, in the order in which its file numbers them."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = runs
        # Of several files, if two runs have the same number.
        self._several_files = len({run.local_run_id for run in runs}) < len(runs)

    def is_before(self, one: Run, other: Run) -> bool:
        """Whether a file may have recorded one, then the other. It has one collector at a time, so
        where several files recorded a boot, runs of one do not overlap."""
        if one.local_run_id >= other.local_run_id:
            return False
        if not self._several_files:
            return True
        return _last_ns(one) <= (other.started_ns or 0) + _TAKE_OVER_NS


class Roster:
    """All runs, in the order in which each host's file numbers them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        rows = map(run_of, session.stream(_RUNS))
        self.runs = sorted(rows, key=_order)
        self.by_id = {run.run_id: run for run in self.runs}

    def wanted(self, wanted: Filter) -> Sequence[Run]:
        """Those of which events may be wanted."""
        of_runs = wanted.of_runs
        return [run for run in self.runs if of_runs(run.values)]

    def hosts(self, wanted: Filter) -> Sequence[str]:
        """Those that terms about the host choose, by name."""
        terms = (term for term in wanted.terms if term.field == "host")
        holds = matcher(terms)
        return sorted({run.host for run in self.runs if holds(run.values)})

    def boot_of(self, run: Run) -> Boot:
        """The runs of the same host and boot: parents are in one of these."""
        return self._boots[run.host, run.boot_id]

    @cached_property
    def _boots(self) -> Mapping[tuple[str, str], Boot]:
        found: defaultdict[tuple[str, str], list[Run]] = defaultdict(list)
        for run in self.runs:
            found[run.host, run.boot_id].append(run)
        return {name: Boot(runs) for name, runs in found.items()}

    @cached_property
    def kin(self) -> Sequence[tuple[int, int]]:
        """Runs, each with itself and the later ones of its boot: children may be in these."""
        return [
            (one.run_id, other.run_id)
            for boot in self._boots.values()
            for one in boot.runs
            for other in boot.runs
            if one is other or boot.is_before(one, other)
        ]

    @cached_property
    def shifts(self) -> Mapping[int, int]:
        """By run: what to add to `boot_ns` for the wall clock as it was set last in that boot. Only
        of boots in which the clock was set: in all others events are in the order of their
        times."""
        was_set = {row[0] for row in self._session.stream(_CLOCK_SETS)}
        found: dict[int, int] = {}
        looked_at = [
            boot.runs
            for boot in self._boots.values()
            if len(boot.runs) > 1 or any(run.run_id in was_set for run in boot.runs)
        ]
        offsets = self._offsets(run for runs in looked_at for run in runs)
        for runs in looked_at:
            known = [offsets[run.run_id] for run in runs if run.run_id in offsets]
            apart = [offset_ns for _, offset_ns in known] or [0]
            differ = max(apart) - min(apart) > _SAME_CLOCK_NS
            if known and (differ or any(run.run_id in was_set for run in runs)):
                found |= {run.run_id: max(known)[1] for run in runs}
        return found

    def offset_of(self, run: Run) -> int | None:
        """How far the clocks were apart at its latest event."""
        found = self._offsets([run]).get(run.run_id)
        return None if found is None else found[1]

    def _offsets(self, runs: Iterable[Run]) -> dict[int, tuple[int, int]]:
        """By run: the boot_ns of its latest event, and how far the clocks were apart then."""
        latest = [run for run in runs if run.shipped_to_ns is not None]
        ids = [[run.run_id for run in latest], [run.shipped_id for run in latest]]
        times = [moment(run.shipped_to_ns or 0) for run in latest]
        found: dict[int, tuple[int, int]] = {}
        for table in ("exec", "exec_stray") if latest else ():
            rows = self._session.rows(_LATEST.format(table), (*ids, times, times))
            found |= {
                run_id: (boot_ns, (self.by_id[run_id].shipped_to_ns or 0) - boot_ns)
                for run_id, boot_ns in rows
            }
        return found


def _last_ns(run: Run) -> int:
    """When it ended, or the latest that is known of it."""
    return run.ended_ns or max(run.alive_ns or 0, run.shipped_to_ns or 0)


def run_of(row: Iterable[Any]) -> Run:
    """Of the columns that have the names of its fields."""
    return Run(*map(_text, row))


def _order(run: Run) -> tuple[Any, ...]:
    return run.host, run.local_run_id, run.started_ns or 0, run.run_id


def _text(value: Any) -> Any:
    return from_central(value) if isinstance(value, str) else value


_RUNS = f"SELECT {', '.join(Run._fields)} FROM execdb.run"
_CLOCK_SETS = "SELECT DISTINCT run_id FROM execdb.clock_set"
_LATEST = (
    "SELECT e.run_id, e.boot_ns FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[])"
    " AS latest (run_id, id, time) JOIN execdb.{} e USING (run_id, id, time)"
    " WHERE e.time = ANY(%s::timestamptz[])"  # tells which partitions to read
)
