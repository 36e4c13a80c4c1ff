"""What became of every exec: `seen = stored + filtered + lost`, and when and why some were lost.

Pure. Moments come in as boot time, which nobody can set, and go out as wall-clock time.
"""

from collections.abc import Callable

from execdb.collector.rules.intervals import FilterIntervals
from execdb.store.account import Account, Cause, ClockSet, Counts, FilteredBy, Loss

_PAUSE_NS = 1_000_000_000  # losses of one cause without a longer pause are one interval
_SILENCE_NS = 10_000_000_000  # after a longer pause a warning says that they begin again
_SET_NS = 1_000_000_000  # a greater change of the offset is a clock that was set, not adjusted


class Ledger:
    """Counts what is stored, filtered and lost. Calls `warn` when losses of a cause begin.

    `account` is what the database does not have yet; call `kept` after it was stored.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        self.stored = 0
        self.by_cause: dict[Cause, int] = {}
        self.filtered = FilterIntervals(warn)
        self._warn = warn
        self._latest: dict[Cause, _Interval] = {}
        self._changed: dict[int, _Interval] = {}
        self._clock_sets: list[ClockSet] = []
        self._offset_ns = 0
        self._begun_boot_ns = 0
        self._started_ns: int | None = None
        self._number = 0

    def begin(self, boot_ns: int, offset_ns: int) -> None:
        """Recording begins."""
        self._offset_ns = offset_ns
        self._begun_boot_ns, self._started_ns = boot_ns, boot_ns + offset_ns

    def include(self, boot_ns: int, time_ns: int) -> None:
        """Recording began no later than this moment (boot time, and its time of day): the programs
        may record an exec between the moment they are attached and `begin`."""
        if boot_ns < self._begun_boot_ns:
            self._begun_boot_ns, self._started_ns = boot_ns, time_ns

    def follow_clock(self, boot_ns: int, offset_ns: int) -> None:
        """After `boot_ns` the wall clock has this offset from boot time."""
        before_ns, after_ns = boot_ns + self._offset_ns, boot_ns + offset_ns
        self._offset_ns = offset_ns
        if abs(after_ns - before_ns) > _SET_NS:
            self._clock_sets.append(ClockSet(before_ns, after_ns))
            for interval in self._latest.values():
                interval.open = False
            self.filtered.end_all()

    def lose(self, cause: Cause, lost: int, from_ns: int, to_ns: int) -> None:
        """Counts `lost` execs between two boot times. If there are none, an interval that has not
        ended continues, but no interval begins."""
        last = self._latest.get(cause)
        pause_ns = _SILENCE_NS + 1 if last is None else from_ns - last.to_boot_ns
        self.by_cause[cause] = self.by_cause.get(cause, 0) + lost
        if last is not None and last.open and pause_ns <= _PAUSE_NS:
            last.extend(lost, to_ns, self._offset_ns)
            self._changed[last.number] = last
        elif lost:
            if pause_ns > _SILENCE_NS or (last is not None and last.over):
                self._warn(f"execs are being lost ({cause}): {_ADVICE[cause]}")
            self._number += 1
            new = _Interval(self._number, cause, from_ns + self._offset_ns)
            new.extend(lost, to_ns, self._offset_ns)
            self._latest[cause] = self._changed[new.number] = new

    def say_over(self) -> None:
        """It was said that losses are over: if they begin again, that is said too."""
        for interval in self._latest.values():
            interval.over = True

    def lose_all_of(self, cause: Cause, total: int, from_ns: int, to_ns: int) -> None:
        """The same for a counter that has reached `total`."""
        if total > (before := self.by_cause.get(cause, 0)):
            self.lose(cause, total - before, from_ns, to_ns)

    def leave_out(self, by: FilteredBy, count: int, from_ns: int, to_ns: int) -> None:
        """Counts execs that were left out on purpose between two boot times."""
        self.filtered.add(by, count, from_ns, to_ns, self._offset_ns)

    @property
    def lost(self) -> int:
        return sum(self.by_cause.values())

    def counts(self, more: int = 0) -> Counts:
        """The counts once `more` further execs are stored."""
        stored, filtered, lost = self.stored + more, self.filtered.total, self.lost
        return Counts(stored + filtered + lost, stored, filtered, lost)

    def account(self, boot_ns: int) -> Account:
        """What there is to store at this boot time."""
        losses = [interval.loss for interval in self._changed.values()]
        return Account(
            self._started_ns,
            boot_ns + self._offset_ns,
            losses,
            tuple(self._clock_sets),
            self.filtered.changed,
        )

    @property
    def pending(self) -> bool:
        """Whether there is more to store than that time has passed."""
        return bool(self._changed or self._clock_sets or self.filtered.changed)

    def kept(self) -> None:
        """The last account was stored."""
        self._changed.clear()
        self._clock_sets.clear()
        self.filtered.kept()


class _Interval:
    """Losses of one cause without a long pause; `open` until the clock is set, `over` once it was
    said that they are."""

    def __init__(self, number: int, cause: Cause, from_ns: int) -> None:
        self.number, self.cause, self.from_ns = number, cause, from_ns
        self.to_ns = from_ns
        self.to_boot_ns = 0
        self.lost = 0
        self.open = True
        self.over = False

    def extend(self, lost: int, to_boot_ns: int, offset_ns: int) -> None:
        self.lost += lost
        self.to_boot_ns = max(self.to_boot_ns, to_boot_ns)
        self.to_ns = max(self.to_ns, to_boot_ns + offset_ns)

    @property
    def loss(self) -> Loss:
        return Loss(self.number, self.cause, self.from_ns, self.to_ns, self.lost)


_ADVICE = {
    Cause.RING_FULL: "the rings are too small for this load, or the collector was held up; "
    "see --ring-pages",
    Cause.UNREADABLE: "the kernel handed over bytes that are not a record",
    Cause.SKIPPED: "the kernel did not run the program for them",
    Cause.REFUSED: "the database could not be written to for long",
    Cause.NO_SPACE: "no space left where the database is; they are counted, not stored",
    Cause.WAL_BLOCKED: "another program reads the database in one long transaction; "
    "until it ends they are counted, not stored",
    Cause.MISSING: "the kernel counted more than it handed over",
}
