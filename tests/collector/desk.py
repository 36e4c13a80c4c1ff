"""Plain data instead of kernel, database, clock and user, for tests of the collector's loop."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from execdb.collector.collect import Collector
from execdb.collector.interfaces import Wiring
from execdb.collector.rules.filtered import Add
from execdb.store.account import Account, Cause, Counts, FilteredBy, Loss
from execdb.store.errors import DatabaseRefused
from execdb.store.event import End, Exec, ImageKey
from tests.collector.records import record, ring

SECOND = 1_000_000_000
BAD = b"not a record"


class KernelCounts(NamedTuple):
    seen: int
    lost: int
    ends_lost: int = 0
    untracked: int = 0
    skipped: int = 0
    cut: int = 0
    filtered: int = 0


class Round(NamedTuple):
    """What one drain finds: the records of each CPU, and how long reading each CPU takes."""

    cpus: Sequence[Sequence[bytes]]
    lost: int = 0
    slow_ns: int = 0
    offset_ns: int = 0


class NothingRuns:
    """No program runs already: for that see running/test_catch_up.py."""

    lack = None

    def look(self) -> Iterator[Sequence[Exec]]:
        return iter(())

    def forget(self) -> None:
        pass


@dataclass
class Filtering:
    """What rules leave out of `desk`."""

    desk: "Desk"

    def look(self, total: int, now_ns: int, add: Add) -> None:
        for by in self.desk.left_out:
            add(by, 1, now_ns, now_ns)
        self.desk.left_out.clear()

    finish = look


@dataclass
class Desk:
    """Everything that the collector works with, in one; `log` is what was called, in order."""

    rounds: list[Round]
    beyond: int = 0  # seen by the kernel, never handed over

    def __post_init__(self) -> None:
        self.log: list[str] = []
        self.now_ns = 100 * SECOND
        self.seen = self.beyond
        self.lost = 0
        self.last_offset_ns = 0
        self.unread: list[int] = []
        self.stored: list[Exec] = []
        self.ledgers: list[Counts] = []
        self.accounts: list[Account] = []
        self.finished: list[tuple[int, Counts, Account]] = []
        self.warnings: list[str] = []
        self.slept_s: list[float] = []  # how long it wanted to, at most
        self.skipped = 0
        self.cut = 0
        self.cuts: list[int] = []
        self.left_out: list[FilteredBy] = []  # what the kernel has left out since the last look
        self.filtered = 0
        self.cause: Cause | None = None  # why there is no room
        self.refusal: DatabaseRefused | None = None
        self.ended: list[End] = []
        self.shown: list[tuple[list[int], list[Exec]]] = []
        self.collector = Collector(self.wiring())

    def tidy(self) -> bool:
        self.log.append("tidy")
        return False

    # the files
    look_s = 0.0  # every round is a drain

    def changed(self) -> bool:
        return False

    def by_others(self) -> bool:
        raise AssertionError("nothing has changed")

    def wiring(self, **changes: Any) -> Wiring:
        known = dict.fromkeys(("source", "sink", "mirror", "clock", "room", "files"), self)
        known |= {"show": self.show, "running": NothingRuns(), "warn": self.warnings.append}
        known |= {"filtered": Filtering(self)}
        known |= {"look_at_cuts": lambda cut, now_ns: self.cuts.append(cut)}
        return Wiring(**known | {"tidy": self.tidy, "batch_max": 997} | changes)

    # the source
    def track(self) -> None:
        self.log.append("track")

    def attach(self) -> None:
        self.log.append("attach")

    def detach(self) -> None:
        self.log.append("detach")

    def wait(self, timeout_s: float) -> None:
        self.now_ns += SECOND // 10

    def sleep(self, timeout_s: float) -> bool:
        self.slept_s.append(timeout_s)
        self.wait(timeout_s)
        return False

    def counts(self) -> KernelCounts:
        seen, filtered = self.seen + self.filtered, self.filtered
        return KernelCounts(seen, self.lost, 0, 0, self.skipped, self.cut, filtered)

    def read(self) -> Iterator[bytes]:
        if not self.rounds:
            return
        cpus, lost, slow_ns, self.last_offset_ns = self.rounds.pop(0)
        self.lost += lost
        self.seen += lost
        for records in cpus:
            self.seen += len(records)
            yield from ring(records)
            self.now_ns += slow_ns

    def unread_ns(self) -> int | None:
        return self.unread[0] if self.unread else None

    def follow(self, image: ImageKey) -> None:
        raise AssertionError("nothing runs")

    def adopt(self, image: ImageKey) -> bool:
        raise AssertionError("nothing runs")

    # the sink
    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]:
        raise AssertionError("nothing runs")

    def write(
        self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts, account: Account
    ) -> Sequence[int]:
        if self.refusal:
            raise self.refusal
        self.log.append("write")
        self.accounts.append(account)
        self.stored += execs
        self.ended += ends
        self.ledgers.append(counts)
        return range(len(self.stored) - len(execs) + 1, len(self.stored) + 1)

    def finish(self, ended_ns: int, counts: Counts, account: Account) -> None:
        if self.refusal:
            raise self.refusal
        self.finished.append((ended_ns, counts, account))

    # the room
    def lack(self, now_s: float) -> Cause | None:
        return self.cause

    # the mirror
    def update(self, now_s: float) -> None:
        self.log.append("mirror")

    # the clock
    def boot_ns(self) -> int:
        return self.now_ns

    def offset_ns(self) -> int:
        return self.rounds[0].offset_ns if self.rounds else self.last_offset_ns

    def show(self, ids: Sequence[int], execs: Sequence[Exec]) -> None:
        self.log.append("show")
        self.shown.append((list(ids), list(execs)))

    def run(self, times: int | None = None) -> "Desk":
        """Stops after so many drains; by default one is left for the time after the end."""
        left = iter(range(max(0, len(self.rounds) - 1) if times is None else times))
        self.collector.run(lambda: next(left, None) is None, lambda: self.log.append("started"))
        return self

    @property
    def times(self) -> list[int]:
        return [event.boot_ns for event in self.stored]


def at(*boot_ns: int) -> list[bytes]:
    return [record(b"x", boot_ns=time) for time in boot_ns]


def busy(rounds: int, each: int = 7) -> Desk:
    """A desk with so many rounds of so many execs, 100 ms apart."""
    start = 100 * SECOND
    times = [[start + n * SECOND // 10 + k for k in range(each)] for n in range(rounds)]
    return Desk([Round([at(*round_)]) for round_ in times])


def run_to(desk: Desk, steps: dict[int, Callable[[], None]], times: int) -> Desk:
    """Runs the desk, doing something before some of its drains."""
    done = iter(range(times))

    def stopped() -> bool:
        number = next(done, None)
        if number in steps:
            steps[number]()
        return number is None

    desk.collector.run(stopped, lambda: None)
    return desk


def adds_up(desk: Desk) -> None:
    for ledger in [*desk.ledgers, desk.collector.ledger.counts()]:
        assert ledger.seen == ledger.stored + ledger.filtered + ledger.lost


def losses(desk: Desk) -> dict[int, Loss]:
    told = [*desk.accounts, *(account for _, _, account in desk.finished)]
    return {loss.number: loss for account in told for loss in account.losses}


def refuse(desk: Desk, error: DatabaseRefused | None) -> Callable[[], None]:
    """A step after which the sink refuses, or takes everything again."""
    return lambda: setattr(desk, "refusal", error)
