"""The loop on plain data: order, the ledger, and what happens at the end."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.bpf import wire
from execdb.collector import backlog
from execdb.collector.collect import Collector, Parts
from execdb.collector.decode import EXEC_BYTES
from execdb.store.account import Account, Cause, Counts, Loss
from execdb.store.errors import DatabaseBusy, DatabaseFull, DatabaseRefused
from execdb.store.event import REPLACED, End, Exec, ImageKey
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.limits.free_space import FreeSpace
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.collector.records import end, record, ring
from tests.conftest import MACHINE, START_NS

SECOND = 1_000_000_000
BAD = b"not a record"


class KernelCounts(NamedTuple):
    seen: int
    lost: int
    ends_lost: int = 0
    untracked: int = 0
    skipped: int = 0
    cut: int = 0


class Round(NamedTuple):
    """What one drain finds: the records of each CPU, and how long reading each one takes."""

    cpus: Sequence[Sequence[bytes]]
    lost: int = 0
    slow_ns: int = 0
    offset_ns: int = 0


class NothingRuns:
    """What runs already: see test_meeting."""

    lack = None

    def look(self) -> Iterator[Sequence[Exec]]:
        return iter(())

    def forget(self) -> None:
        pass


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
        self.unread: list[int] = []
        self.stored: list[Exec] = []
        self.ledgers: list[Counts] = []
        self.accounts: list[Account] = []
        self.finished: list[tuple[int, Counts, Account]] = []
        self.warnings: list[str] = []
        self.skipped = 0
        self.cut = 0
        self.cuts: list[int] = []
        self.cause: Cause | None = None  # why there is no room
        self.refusal: DatabaseRefused | None = None
        self.ended: list[End] = []
        self.shown: list[tuple[list[int], list[Exec]]] = []
        self.collector = Collector(self.parts())

    def tidy(self) -> None:
        self.log.append("tidy")

    def parts(self, **changes: Any) -> Parts:
        known = dict.fromkeys(("source", "sink", "mirror", "clock", "room"), self)
        known |= {"show": self.show, "running": NothingRuns(), "warn": self.warnings.append}
        known |= {"look_at_cuts": lambda cut, now_ns: self.cuts.append(cut)}
        return Parts(**known | {"tidy": self.tidy, "batch_max": 997} | changes)

    # the source
    def track(self) -> None:
        self.log.append("track")

    def attach(self) -> None:
        self.log.append("attach")

    def detach(self) -> None:
        self.log.append("detach")

    def wait(self, timeout_s: float) -> None:
        self.now_ns += SECOND // 10

    def counts(self) -> KernelCounts:
        return KernelCounts(self.seen, self.lost, skipped=self.skipped, cut=self.cut)

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
    assert desk.log[:4] == ["mirror", "track", "attach", "started"]


def test_a_locked_database_does_not_end_the_start() -> None:
    """The map is filled by then; that it is, is noted later."""

    class Locked:
        tries = 0

        def update(self, now_s: float) -> None:
            self.tries += 1
            if self.tries < 3:
                raise DatabaseBusy("locked")

    desk, mirror = Desk([]), Locked()
    desk.collector = Collector(desk.parts(mirror=mirror))
    desk.run(times=3)
    assert (mirror.tries, len(desk.finished)) == (4, 1)


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
    assert desk.finished[0][1] == desk.collector.counts


def test_loss_without_any_event_is_written_down() -> None:
    desk = Desk([Round([], lost=23)]).run(times=1)
    assert desk.ledgers[0] == Counts(seen=23, stored=0, filtered=0, lost=23)


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


def test_without_room_execs_are_counted_and_storing_goes_on_when_there_is_room() -> None:
    desk = busy(43)

    def room(cause: Cause | None) -> Callable[[], None]:
        return lambda: setattr(desk, "cause", cause)

    run_to(desk, {11: room(Cause.NO_SPACE), 31: room(None)}, 43)
    assert desk.collector.ledger.by_cause == {Cause.NO_SPACE: 20 * 7}
    assert len(desk.stored) == 23 * 7
    adds_up(desk)
    (loss,) = losses(desk).values()
    assert (loss.cause, loss.lost) == (Cause.NO_SPACE, 140)
    assert 19 * SECOND // 10 <= loss.to_ns - loss.from_ns <= 22 * SECOND // 10
    assert [w.partition(":")[0] for w in desk.warnings] == [
        "execs are being lost (no space)",
        "storing again; 140 execs were counted meanwhile, not stored",
    ]
    assert len(desk.ledgers) < 23 + 5  # little is written where there is no room


def test_ends_of_what_was_given_up_are_not_looked_for() -> None:
    """Some come with their exec, some later; that of a row waits until there is room."""
    desk = Desk([Round([at(1)]), Round([[*at(2), end((2, 23), boot_ns=3)]])])
    desk.rounds += [Round([at(4, 5)]), Round([[end((n, 23), boot_ns=6 + n) for n in (1, 4)]])]
    desk.rounds += [Round([[end((5, 23), boot_ns=17)]]), Round([])]
    causes = {1: Cause.NO_SPACE, 4: None}
    run_to(desk, {n: partial(setattr, desk, "cause", cause) for n, cause in causes.items()}, 6)
    assert desk.times == [1]
    assert [ended.image for ended in desk.ended] == [(1, 23)]


def test_an_image_ends_though_the_exec_that_replaced_it_was_given_up() -> None:
    """Unless it has no row itself."""

    def replacing(boot_ns: int, before_ns: int) -> bytes:
        flags = {"flags": wire.FLAG_REPLACES, "parent_boot_ns": before_ns, "parent_pid": 23}
        return record(b"x", boot_ns=boot_ns, pid=23, **flags)

    desk = Desk([Round([at(1)]), Round([[replacing(2, 1), replacing(3, 2)]]), Round([at(4)])])
    causes = {1: Cause.NO_SPACE, 2: None}
    run_to(desk, {n: partial(setattr, desk, "cause", cause) for n, cause in causes.items()}, 3)
    assert desk.times == [1, 4]
    assert desk.ended == [End(boot_ns=2, image=(1, 23), status=REPLACED)]


def test_how_many_were_cut_is_handed_on() -> None:
    desk = Desk([Round([at(1)]), Round([at(2)])])
    run_to(desk, {0: lambda: setattr(desk, "cut", 7)}, 2)
    assert desk.cuts[-1] == 7


def test_a_full_disk_is_counted_and_tried_again_each_second() -> None:
    desk = busy(43)

    def refuse(error: DatabaseRefused | None) -> Callable[[], None]:
        return lambda: setattr(desk, "refusal", error)

    run_to(desk, {11: refuse(DatabaseFull("no space left")), 31: refuse(None)}, 43)
    lost = desk.collector.ledger.by_cause[Cause.NO_SPACE]
    assert 20 * 7 <= lost <= 30 * 7
    assert len(desk.stored) == 43 * 7 - lost
    assert [text[:20] for text in desk.warnings] == [
        "execs are being lost",
        f"storing again; {lost} e",
    ]
    assert desk.collector.failure is None
    adds_up(desk)


def test_other_trouble_of_the_disk_loses_nothing_for_a_while() -> None:
    desk = busy(43)

    def refuse(error: DatabaseRefused | None) -> Callable[[], None]:
        return lambda: setattr(desk, "refusal", error)

    run_to(desk, {11: refuse(DatabaseRefused("disk I/O error")), 31: refuse(None)}, 43)
    assert len(desk.stored) == 43 * 7
    assert desk.warnings == ["disk I/O error; recording continues"]


def test_of_too_many_that_wait_the_oldest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_WAITING_BYTES", 23 * EXEC_BYTES)
    desk = busy(23)

    def refuse(error: DatabaseRefused | None) -> Callable[[], None]:
        return lambda: setattr(desk, "refusal", error)

    run_to(desk, {3: refuse(DatabaseBusy("locked")), 13: refuse(None)}, 23)
    assert desk.collector.ledger.by_cause == {Cause.REFUSED: 70 - 21}  # 7 came with each drain
    assert [event.boot_ns for event in desk.stored] == sorted(e.boot_ns for e in desk.stored)
    assert len(desk.stored) == 23 * 7 - 49
    assert len(losses(desk)) == 1
    adds_up(desk)


@pytest.mark.parametrize("error", [DatabaseBusy("locked"), DatabaseFull("full")])
def test_what_cannot_be_stored_at_the_end_is_said(error: DatabaseRefused) -> None:
    desk = busy(11)
    run_to(desk, {7: lambda: setattr(desk, "refusal", error)}, 11)
    assert len(desk.stored) == 7 * 7
    assert desk.collector.ledger.counts() == Counts(seen=77, stored=49, filtered=0, lost=28)
    assert str(error) in (desk.collector.failure or "")
    assert desk.finished == []


def test_a_life_without_events_shows_that_it_lives() -> None:
    desk = Desk([]).run(times=123)
    assert len(desk.accounts) == 2
    first, second = (account.alive_ns or 0 for account in desk.accounts)
    assert 4 * SECOND < second - first < 6 * SECOND


def test_many_that_waited_are_stored_in_parts_with_their_ends(database: Database) -> None:
    starts = at(*range(1, 24))
    ends_of_all = [end((n, 23), boot_ns=50 + n) for n in range(1, 24)]
    desk = Desk([Round([[*starts, *ends_of_all]])])
    desk.seen -= 23
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(desk.parts(sink=recording, batch_max=5))
    desk.run(times=3)
    assert [len(events) for _, events in desk.shown] == [5, 5, 5, 5, 3]
    durations = [event.duration_ns for event in History(database).events(Filter())]
    assert durations == [50] * 23


def test_what_is_stored_lies_in_time_that_is_recorded() -> None:
    """A run that is killed between two parts is recorded up to its last sign of life, exclusive."""
    desk = Desk([Round([at(*range(1, 24))])])
    desk.collector = Collector(desk.parts(batch_max=5))
    desk.run(times=3)
    last = [events[-1].boot_ns for _, events in desk.shown]
    assert last == [5, 10, 15, 20, 23]
    alive = [account.alive_ns or 0 for account in desk.accounts]
    assert all(last_ns < alive_ns for last_ns, alive_ns in zip(last, alive, strict=False))


def test_the_kernel_skipping_the_program_is_a_loss() -> None:
    desk = busy(3)
    run_to(desk, {1: lambda: setattr(desk, "skipped", 5)}, 3)
    assert desk.collector.ledger.counts() == Counts(seen=26, stored=21, filtered=0, lost=5)
    assert desk.collector.ledger.by_cause[Cause.SKIPPED] == 5


def test_a_reader_that_stays_bounds_the_wal_and_all_is_counted(database: Database) -> None:
    database.wait_for_lock(0)
    desk = busy(61, each=631)
    recording = Recording(database, MACHINE, "0", START_NS)
    wal = database.path.with_name(database.path.name + "-wal")
    sizes: list[int] = []
    with (
        closing(FreeSpace(database, 0, wal_max_bytes=1 << 20)) as space,
        closing(sqlite3.connect(database.path, isolation_level=None)) as reader,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM image").fetchone()
        desk.collector = Collector(desk.parts(sink=recording, room=space))
        steps = {n: lambda: sizes.append(wal.stat().st_size) for n in range(41)}
        run_to(desk, {**steps, 41: lambda: reader.execute("COMMIT") and None}, 61)
    assert 1 << 20 < max(sizes) < 2 << 20
    lost = desk.collector.ledger.by_cause[Cause.WAL_BLOCKED]
    assert 0 < lost < 41 * 631
    assert desk.collector.failure is None
    with database.reading() as connection:
        (run,) = connection.execute("SELECT seen, stored, lost FROM runs").fetchall()
        (loss,) = connection.execute("SELECT cause, lost FROM losses").fetchall()
        stored = scalar(connection, "SELECT count(*) FROM image WHERE id > 0")
    assert run == (61 * 631, 61 * 631 - lost, lost)
    assert (stored, loss) == (run[1], ("wal blocked", lost))


HOUR, DAY = 3_600 * SECOND, 86_400 * SECOND


@pytest.mark.parametrize("jump_ns", [-HOUR, DAY], ids=["back an hour", "forth a day"])
def test_a_clock_that_is_set_disturbs_neither_order_nor_durations(
    database: Database, jump_ns: int
) -> None:
    offset = START_NS
    rounds = [
        round_._replace(offset_ns=offset + (jump_ns if n >= 11 else 0))
        for n, round_ in enumerate(busy(23).rounds)
    ]
    rounds[5] = rounds[5]._replace(lost=3)
    rounds[17] = rounds[17]._replace(lost=5)
    image = (100 * SECOND, 23)  # of the first exec
    rounds[15].cpus[0].append(end(image, boot_ns=image[0] + SECOND))  # type: ignore[attr-defined]
    desk = Desk(rounds)
    desk.seen -= 1
    desk.collector = Collector(desk.parts(sink=Recording(database, MACHINE, "0", START_NS)))
    desk.run(times=23)

    events = list(History(database).events(Filter()))
    assert [event.boot_ns for event in events] == sorted(event.boot_ns for event in events)
    assert {event.time_ns - event.boot_ns for event in events} == {offset, offset + jump_ns}
    assert events[0].duration_ns == SECOND
    with database.reading() as connection:
        (run,) = connection.execute("SELECT started_ns, ended_ns FROM runs").fetchall()
        (clock_set,) = connection.execute("SELECT before_ns, after_ns FROM clock_set").fetchall()
        found = connection.execute("SELECT from_ns, to_ns, lost FROM losses").fetchall()
    assert clock_set[1] - clock_set[0] == jump_ns
    recorded_ns = (clock_set[0] - run[0]) + (run[1] - clock_set[1])
    assert 2 * SECOND < recorded_ns < 3 * SECOND
    assert [lost for _, _, lost in found] == [3, 5]
    assert all(0 < to_ns - from_ns < SECOND for from_ns, to_ns, _ in found)


def test_a_sink_that_fails_leaves_nothing_attached() -> None:
    class FullDisk(Desk):
        def write(
            self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts, account: Account
        ) -> Sequence[int]:
            raise OSError("no space")

    desk = FullDisk([Round([at(1)])])
    with pytest.raises(OSError, match="no space"):
        desk.run(times=1)
    assert desk.log[-1] == "detach"


def test_what_the_loop_collects_is_in_the_database(database: Database) -> None:
    desk = Desk([Round([at(2), at(1)]), Round([at(3), [BAD]], lost=7)])
    recording = Recording(database, MACHINE, "0", START_NS)
    desk.collector = Collector(desk.parts(sink=recording))
    desk.run(times=2)
    assert [event.boot_ns for event in History(database).events(Filter())] == [1, 2, 3]
    with database.reading() as connection:
        runs = connection.execute("SELECT ended, seen, stored, lost FROM runs").fetchall()
    assert runs == [("clean", 11, 3, 8)]
