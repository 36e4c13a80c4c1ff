"""The loop on plain data: what is called when, and in which order events come out."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from execdb.collector.collect import Collector
from execdb.collector.rest import DRAIN_S, GATHER_S, OVERDUE_S, Rest
from execdb.store.account import Account, Counts
from execdb.store.errors import DatabaseBusy
from execdb.store.event import End, Exec
from tests.collector.desk import SECOND, Desk, Round, at, run_to
from tests.collector.records import end


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
        tries, look_s = 0, 5.0

        def update(self, now_s: float) -> None:
            self.tries += 1
            if self.tries < 3:
                raise DatabaseBusy("locked")

    desk, mirror = Desk([]), Locked()
    desk.collector = Collector(desk.wiring(mirror=mirror))
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
    assert desk.collector.storage.counts == Counts(seen=2, stored=2, filtered=0, lost=0)


def test_an_end_alone_is_written_too() -> None:
    desk = Desk([Round([at(1)]), Round([[end((1, 23), boot_ns=5)]])])
    desk.seen -= 1
    desk.run(times=2)
    assert len(desk.ended) == 1


def test_how_many_were_cut_is_handed_on() -> None:
    desk = Desk([Round([at(1)]), Round([at(2)])])
    run_to(desk, {0: lambda: setattr(desk, "cut", 7)}, 2)
    assert desk.cuts[-1] == 7


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


def wait_s(
    rest: Rest, now_s: float, *, waiting: bool = False, untidy: bool = False
) -> float | None:
    return rest.wait_s(now_s, waiting=waiting, untidy=untidy)


def simulate(execs_per_s: float, for_s: float) -> list[float | None]:
    """The waits of a collector while so many execs with their ends come evenly."""
    rest, now_s, read, waits = Rest(), 0.0, 0, []
    while now_s < for_s:
        waited = wait_s(rest, now_s)
        waits.append(waited)
        next_s = (read // 2 + 1) / execs_per_s
        now_s = now_s + waited if waited is not None else max(now_s, next_s) + GATHER_S
        come = 2 * int(now_s * execs_per_s)
        rest.took(come - read, now_s)
        read = come
    return waits


def test_it_sleeps_when_nothing_happens() -> None:
    rest = Rest()
    for second in range(7):
        assert wait_s(rest, second) is None
        rest.took(0, second)


def test_a_few_execs_a_second_always_find_it_asleep() -> None:
    assert set(simulate(7, 60)) == {None}


def test_of_many_execs_none_wakes_it() -> None:
    waits = simulate(997, 60)
    assert waits.count(None) <= 2  # before it is known that many come
    assert 590 <= len(waits) <= 605


def test_soon_after_a_storm_it_sleeps_again() -> None:
    rest = Rest()
    rest.took(1_000_003, 0.0)
    assert wait_s(rest, 0.0) == DRAIN_S
    rest.took(0, 1.1)
    assert wait_s(rest, 1.1) is None


def test_what_was_read_too_early_to_be_stored_is_stored_soon() -> None:
    rest = Rest()
    assert wait_s(rest, 0.0, waiting=True) == GATHER_S
    assert wait_s(rest, 0.02, waiting=False) is None


def test_while_the_database_takes_nothing_it_tries_at_intervals() -> None:
    rest = Rest()
    waits = [wait_s(rest, n / 10, waiting=True) for n in range(23)]
    assert waits.count(GATHER_S) <= 12
    assert None not in waits


def test_a_commit_of_others_is_waited_for() -> None:
    """It is written to the file before it can be seen."""
    rest = Rest()
    rest.touched_by_others(10.0)
    assert wait_s(rest, 10.0) == DRAIN_S
    assert wait_s(rest, 10.4) == DRAIN_S
    assert wait_s(rest, 10.6) is None


def test_while_there_is_more_to_remove_it_does_not_sleep() -> None:
    assert wait_s(Rest(), 0.0, untidy=True) == DRAIN_S


def resting(times: int, steps: dict[int, Callable[[Desk], None]] | None = None) -> Desk:
    """A desk where nothing happens but `steps`, for so many sleeps of 100 ms."""
    desk = Desk([])
    desk.look_s = 5.0
    found = steps or {}
    return run_to(desk, {n: partial(step, desk) for n, step in found.items()}, times)


def test_while_nothing_happens_the_config_is_compared_and_little_else() -> None:
    desk = resting(97)
    assert desk.log.count("mirror") >= 97
    assert desk.log.count("tidy") == 2  # at the start, and after five seconds
    assert desk.log.count("write") == 1  # the sign of life


def test_it_sleeps_until_the_ledger_is_due_or_something_is_to_be_looked_at() -> None:
    desk = resting(17, {7: look_more_often})
    assert desk.slept_s[:3] == pytest.approx([5.0, 4.9, 4.8])
    assert desk.slept_s[-1] == 1.7


def test_a_ledger_that_cannot_be_written_is_tried_again_without_haste() -> None:
    desk = resting(97, {7: refuse})
    assert min(desk.slept_s) > 0
    assert desk.slept_s[-1] == OVERDUE_S


def look_more_often(desk: Desk) -> None:
    desk.look_s = 1.7


def refuse(desk: Desk) -> None:
    desk.refusal = DatabaseBusy("locked")


def count_one(desk: Desk) -> None:
    desk.filtered += 1


def set_the_clock(desk: Desk) -> None:
    desk.last_offset_ns += SECOND


@pytest.mark.parametrize("step", [count_one, set_the_clock])
def test_what_does_not_wake_it_is_seen_after_a_sleep(step: Callable[[Desk], None]) -> None:
    desk = resting(23, {7: step})
    assert desk.log.count("tidy") == 2
