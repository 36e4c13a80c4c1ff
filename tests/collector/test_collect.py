"""The loop on plain data: order, the ledger, and what happens at the end."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.collector.collect import Collector, Parts
from execdb.store.database import Database
from execdb.store.event import Counts, End, Exec, ImageKey
from execdb.store.filter import Filter
from execdb.store.history import History
from execdb.store.recording import Recording
from tests.collector.records import end, record
from tests.conftest import MACHINE, START_NS, an_exec

SECOND = 1_000_000_000
BAD = b"not a record"


class KernelCounts(NamedTuple):
    seen: int
    lost: int
    ends_lost: int = 0
    untracked: int = 0


class Round(NamedTuple):
    """What one drain finds: the records of each CPU, and how long reading each one takes."""

    cpus: Sequence[Sequence[bytes]]
    lost: int = 0
    slow_ns: int = 0
    offset_ns: int = 0


@dataclass
class Desk:
    """Source, sink, mirror, clock and audience in one; `log` is what they were asked, in order."""

    rounds: list[Round]
    beyond: int = 0  # seen by the kernel, never handed over

    def __post_init__(self) -> None:
        self.log: list[str] = []
        self.now_ns = 100 * SECOND
        self.seen = self.beyond
        self.lost = 0
        self.last_offset_ns = 0
        self.stored: list[Exec] = []
        self.ledgers: list[Counts] = []
        self.ended: list[End] = []
        self.known: list[Exec] = []
        self.followed: list[ImageKey] = []
        self.shown: list[tuple[list[int], list[Exec]]] = []
        self.collector = Collector(
            Parts(self, self, self, self, self.show, self.running, self.tidy)
        )

    def tidy(self) -> None:
        self.log.append("tidy")

    # the source
    def attach(self) -> None:
        self.log.append("attach")

    def detach(self) -> None:
        self.log.append("detach")

    def wait(self, timeout_s: float) -> None:
        self.now_ns += SECOND // 10

    def refresh(self) -> None:
        self.log.append("refresh")

    def counts(self) -> KernelCounts:
        return KernelCounts(self.seen, self.lost)

    def read(self) -> Iterator[bytes]:
        if not self.rounds:
            return
        cpus, lost, slow_ns, self.last_offset_ns = self.rounds.pop(0)
        self.lost += lost
        self.seen += lost
        for records in cpus:
            self.seen += len(records)
            yield from records
            self.now_ns += slow_ns

    def follow(self, image: ImageKey) -> None:
        self.followed.append(image)

    # the sink
    def know(self, images: Sequence[Exec]) -> None:
        self.known += images

    def write(self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts) -> Sequence[int]:
        self.log.append("write")
        self.stored += execs
        self.ended += ends
        self.ledgers.append(counts)
        return range(len(self.stored) - len(execs) + 1, len(self.stored) + 1)

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

    def running(self, clock_offset_ns: int) -> Sequence[Exec]:
        return [an_exec(7, parent=(5, 1)), an_exec(23)]

    def run(self, times: int | None = None) -> "Desk":
        """Stops after so many drains; by default one drain is left for after the end."""
        left = iter(range(max(0, len(self.rounds) - 1) if times is None else times))
        self.collector.run(lambda: next(left, None) is None, lambda: self.log.append("started"))
        return self

    @property
    def times(self) -> list[int]:
        return [event.boot_ns for event in self.stored]


def at(*boot_ns: int) -> list[bytes]:
    return [record(b"x", boot_ns=time) for time in boot_ns]


def test_events_of_all_cpus_are_stored_in_order() -> None:
    desk = Desk([Round([at(2, 5, 11), at(1, 7), at(3)])]).run(times=1)
    assert desk.times == [1, 2, 3, 5, 7, 11]


def test_the_youngest_wait_for_older_ones_of_another_cpu() -> None:
    soon = 100 * SECOND + SECOND // 10  # the moment of the first drain
    late, young = soon - 3_000_000, soon - 1_000_000
    desk = Desk([Round([at(7, young), []]), Round([[], at(late)])])
    desk.run(times=2)
    assert desk.times == [7, late, young]
    assert [len(events) for _, events in desk.shown] == [1, 2]


def test_a_drain_that_takes_long_keeps_the_order() -> None:
    """While the second CPU is read the first one records; its record is next in the ring."""
    start = 100 * SECOND + SECOND // 10
    first, second = start + 10_000_000, start + 20_000_000
    desk = Desk([Round([[], at(second)], slow_ns=50_000_000), Round([at(first), []])])
    desk.run(times=2)
    assert desk.times == [first, second]


def test_the_map_is_filled_before_anything_is_attached() -> None:
    desk = Desk([]).run(times=1)
    assert desk.log[:3] == ["mirror", "attach", "started"]


def test_what_is_left_in_the_rings_is_stored_after_the_end() -> None:
    now = 101 * SECOND
    desk = Desk([Round([at(1)]), Round([at(now, now + 1)])]).run(times=1)
    assert desk.times == [1, now, now + 1]
    assert desk.log.index("detach") < len(desk.log) - 1 - desk.log[::-1].index("write")


def test_events_are_shown_after_they_are_kept_and_with_their_ids() -> None:
    desk = Desk([Round([at(1, 2, 3)]), Round([at(5, 7)])]).run(times=2)
    assert [word for word in desk.log if word in ("write", "show")][:2] == ["write", "show"]
    assert [ids for ids, _ in desk.shown] == [[1, 2, 3], [4, 5]]
    assert [event for _, events in desk.shown for event in events] == desk.stored


def test_the_wall_clock_is_that_of_the_drain() -> None:
    desk = Desk([Round([at(1)], offset_ns=1_009), Round([at(2)], offset_ns=-1)]).run(times=2)
    assert [event.time_ns for event in desk.stored] == [1_010, 1]


def test_an_unreadable_record_is_counted_as_lost() -> None:
    desk = Desk([Round([[*at(1), BAD, *at(2)], [BAD]])]).run(times=1)
    assert desk.times == [1, 2]
    assert desk.ledgers == [Counts(seen=4, stored=2, filtered=0, lost=2)]  # at once


def test_a_record_that_never_arrived_is_lost_at_the_end() -> None:
    desk = Desk([Round([at(1, 2, 3)])], beyond=23).run(times=1)
    assert desk.ledgers[0] == Counts(seen=3, stored=3, filtered=0, lost=0)
    assert desk.collector.counts == Counts(seen=26, stored=3, filtered=0, lost=23)
    assert desk.ledgers[-1] == desk.collector.counts


def test_loss_without_any_event_is_written_down() -> None:
    desk = Desk([Round([], lost=23)]).run(times=1)
    assert desk.ledgers[0] == Counts(seen=23, stored=0, filtered=0, lost=23)


def test_programs_that_run_already_are_made_known_as_parents() -> None:
    desk = Desk([]).run(times=1)
    assert desk.known == list(desk.running(0))
    assert desk.followed == [(event.boot_ns, event.pid) for event in desk.known]
    assert desk.stored == []


def test_ends_are_written_in_order_and_are_no_events_of_the_ledger() -> None:
    ends = [end((1, 23), boot_ns=11, status=9), end((2, 23), boot_ns=5)]
    desk = Desk([Round([[*at(1, 2), ends[0]], [ends[1]]])])
    desk.beyond -= 2  # the kernel counts ends elsewhere
    desk.seen -= 2
    desk.run(times=1)
    assert [(e.boot_ns, e.image, e.status) for e in desk.ended] == [
        (5, (2, 23), 0),
        (11, (1, 23), 9),
    ]
    assert desk.collector.counts == Counts(seen=2, stored=2, filtered=0, lost=0)


def test_an_end_alone_is_written_too() -> None:
    desk = Desk([Round([at(1)]), Round([[end((1, 23), boot_ns=5)]])])
    desk.seen -= 1
    desk.run(times=2)
    assert len(desk.ended) == 1


def test_an_idle_machine_is_not_written_about() -> None:
    assert Desk([]).run(times=23).ledgers == []


def test_cpus_that_come_online_are_looked_for_each_second() -> None:
    assert 2 <= Desk([]).run(times=30).log.count("refresh") <= 4


CPU = st.lists(st.one_of(st.integers(1, 102 * SECOND), st.none()), max_size=5).map(
    lambda times: [BAD if t is None else record(b"x", boot_ns=t) for t in times]
)
ROUNDS = st.lists(st.builds(Round, st.lists(CPU, max_size=3), st.integers(0, 7)), max_size=7)


@given(ROUNDS, st.integers(0, 7))
def test_the_ledger_adds_up_whatever_happens(rounds: list[Round], beyond: int) -> None:
    records = [raw for each in rounds for cpu in each.cpus for raw in cpu]
    lost = sum(each.lost for each in rounds)
    desk = Desk(list(rounds), beyond).run()
    written = 0
    for ledger in desk.ledgers:
        assert ledger.seen == ledger.stored + ledger.filtered + ledger.lost
        assert ledger.seen >= written  # it never takes anything back
        written = ledger.seen
    good = sum(raw is not BAD for raw in records)
    assert len(desk.stored) == good
    assert desk.collector.counts == (
        len(records) + lost + beyond,
        good,
        0,
        len(records) - good + lost + beyond,
    )


def test_a_sink_that_fails_leaves_nothing_attached() -> None:
    class FullDisk(Desk):
        def write(
            self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts
        ) -> Sequence[int]:
            raise OSError("no space")

    desk = FullDisk([Round([at(1)])])
    with pytest.raises(OSError, match="no space"):
        desk.run(times=1)
    assert desk.log[-1] == "detach"


def test_what_the_loop_collects_is_in_the_database(database: Database) -> None:
    desk = Desk([Round([at(2), at(1)]), Round([at(3), [BAD]], lost=7)])
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(
        Parts(desk, recording, desk, desk, desk.show, desk.running, desk.tidy)
    )
    desk.run(times=2)
    recording.finish(START_NS + 1, desk.collector.counts)
    assert [event.boot_ns for event in History(database).events(Filter())] == [1, 2, 3]
    with database.reading() as connection:
        runs = connection.exec_driver_sql("SELECT ended, seen, stored, lost FROM runs").all()
    assert runs == [("clean", 11, 3, 8)]
