"""What a file says about which times it covers: plain data. `read_coverage` reads it, `periods`
divides a time by it."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from execdb.store.account import Loss
from execdb.store.ledger.trimmed import Trim

Interval = tuple[int, int]  # wall clock in ns: from, up to


class Kind(StrEnum):
    """What there is of a period."""

    RECORDED = "recorded"  # all execs
    LOSSY = "lossy"  # recorded, but some execs were lost
    PRUNED = "pruned"  # was recorded; rows have been removed since
    IMPORTED = "imported"  # events that were imported; whether any are missing is not known
    BLIND = "blind"  # nothing


class Why(StrEnum):
    """Why a period is blind."""

    NEVER = "never recorded to"  # the file is empty: nothing was imported either
    BEFORE = "before the first run"
    STOPPED = "no collector"
    CRASH = "crash"
    SILENT = "collector silent"  # it is running, but has not written for a long time
    NOT_SHIPPED = "not shipped yet"  # to the central store that was asked
    NO_HOST = "no such host"  # has shipped anything to it
    CLOCK = "the clock was set"  # forward past this time, so that it never was


class Period(NamedTuple):
    """A part of the time, from `from_ns` up to `to_ns`. `lost` is by cause, `pruned` counts removed
    rows. Both belong to the whole loss or removal that the period is a part of; `removal_ns` is
    the begin of a removal that concerned rows of one user only. `host` is there if several are
    reported."""

    kind: Kind
    from_ns: int
    to_ns: int
    why: Why | None = None
    run_id: int | None = None
    lost: tuple[tuple[str, int], ...] = ()
    pruned: int = 0
    removal_ns: int | None = None
    host: str | None = None

    @property
    def complete(self) -> bool:
        """Whether nothing that happened then is missing, as far as this file can tell."""
        return self.kind in (Kind.RECORDED, Kind.IMPORTED) or self.why is Why.CLOCK


class Run(NamedTuple):
    """One run of a collector. `recorded` are the times that it recorded for sure: several where the
    clock was set meanwhile. `after` is why the time after it is blind. `oldest_ns` is the time of
    the oldest row that is left of it, `pruned` the number of removed rows."""

    run_id: int
    recorded: Sequence[Interval]
    after: Why = Why.STOPPED
    pruned: int = 0
    oldest_ns: int | None = None

    @property
    def begin_ns(self) -> int:
        return self.recorded[0][0]

    @property
    def end_ns(self) -> int:
        return self.recorded[-1][1]


class Coverage(NamedTuple):
    """`imported` are the times of imported events, as far as they say something about this machine.
    `now_ns` is when this was read, `host` whose it is, where there are several;
    `names` are all hosts of a file of which it tells, and `run_ids` the runs (None: all)."""

    runs: Sequence[Run]
    losses: Sequence[Loss]
    imported: Sequence[Interval]
    now_ns: int
    trims: Sequence[Trim] = ()
    host: str | None = None
    names: tuple[str, ...] = ()
    run_ids: frozenset[int] | None = None

    @property
    def empty(self) -> bool:
        """Whether the file holds nothing at all, as a copy without its WAL may."""
        return not self.runs and not self.imported

    @property
    def begin_ns(self) -> int:
        """When the first run began; imported events may be older. 0 without any run."""
        return min((from_ns for run in self.runs for from_ns, _ in run.recorded), default=0)

    @property
    def end_ns(self) -> int:
        """When the last run ended; `now_ns` if it crashed, or runs and is silent, or if more is
        to be shipped."""
        last_ns = max((to_ns for run in self.runs for _, to_ns in run.recorded), default=0)
        until_now = any(
            run.after in (Why.SILENT, Why.NOT_SHIPPED)
            or (run.after is Why.CRASH and run.end_ns >= last_ns)
            for run in self.runs
        )
        return max(last_ns, self.now_ns) if until_now else last_ns
