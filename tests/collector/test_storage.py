"""What is stored when, and what happens if the database takes nothing."""

from collections.abc import Callable
from functools import partial

import pytest

from execdb.bpf import wire
from execdb.collector import backlog
from execdb.collector.collect import Collector
from execdb.collector.decoding.decoder import EXEC_BYTES
from execdb.store.account import Cause, Counts
from execdb.store.errors import DatabaseBusy, DatabaseFull, DatabaseRefused
from execdb.store.event import REPLACED, End
from tests.collector.desk import SECOND, Desk, Round, adds_up, at, busy, losses, refuse, run_to
from tests.collector.records import end, record


def test_an_idle_machine_is_not_written_about() -> None:
    assert Desk([]).run(times=23).ledgers == []


def test_a_run_without_events_shows_that_it_is_alive() -> None:
    desk = Desk([]).run(times=123)
    assert len(desk.accounts) == 2
    first, second = (account.alive_ns or 0 for account in desk.accounts)
    assert 4 * SECOND < second - first < 6 * SECOND


def test_what_is_stored_lies_in_time_that_is_recorded() -> None:
    """A run that is killed between two parts is recorded up to its last sign of life, exclusive."""
    desk = Desk([Round([at(*range(1, 24))])])
    desk.collector = Collector(desk.wiring(batch_max=5))
    desk.run(times=3)
    last = [events[-1].boot_ns for _, events in desk.shown]
    assert last == [5, 10, 15, 20, 23]
    alive = [account.alive_ns or 0 for account in desk.accounts]
    assert all(last_ns < alive_ns for last_ns, alive_ns in zip(last, alive, strict=False))


def test_without_room_execs_are_counted_and_storing_continues_when_there_is_room() -> None:
    desk = busy(63)

    def room(cause: Cause | None) -> Callable[[], None]:
        return lambda: setattr(desk, "cause", cause)

    run_to(desk, {11: room(Cause.NO_SPACE), 31: room(None)}, 63)
    assert desk.collector.ledger.by_cause == {Cause.NO_SPACE: 20 * 7}
    assert len(desk.stored) == 43 * 7
    adds_up(desk)
    (loss,) = losses(desk).values()
    assert (loss.cause, loss.lost) == (Cause.NO_SPACE, 140)
    assert 19 * SECOND // 10 <= loss.to_ns - loss.from_ns <= 22 * SECOND // 10
    assert [w.partition(":")[0] for w in desk.warnings] == [
        "execs are being lost (no space)",
        "storing again; 140 execs were counted meanwhile, not stored",
    ]
    assert len(desk.ledgers) < 43 + 5  # little is written where there is no room


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


def test_a_full_disk_is_counted_and_tried_again_each_second() -> None:
    desk = busy(63)

    run_to(desk, {11: refuse(desk, DatabaseFull("no space left")), 31: refuse(desk, None)}, 63)
    lost = desk.collector.ledger.by_cause[Cause.NO_SPACE]
    assert 20 * 7 <= lost <= 30 * 7
    assert len(desk.stored) == 63 * 7 - lost
    assert [text[:20] for text in desk.warnings] == [
        "execs are being lost",
        f"storing again; {lost} e",
    ]
    assert desk.collector.storage.failure is None
    adds_up(desk)


def test_a_disk_that_takes_a_few_rows_now_and_then_is_not_said_to_work() -> None:
    """Each second it is tried again, and refuses what comes after."""
    desk = busy(63)
    refusing, working = refuse(desk, DatabaseFull("no space left")), refuse(desk, None)

    run_to(desk, {11: refusing, 21: working, 24: refusing, 36: working, 39: refusing}, 63)
    assert len(desk.stored) > 13 * 7
    assert [text[:20] for text in desk.warnings] == ["execs are being lost"]
    adds_up(desk)


def test_losses_that_begin_again_after_it_was_said_that_they_are_over_are_said_again() -> None:
    desk = busy(83)
    refusing, working = refuse(desk, DatabaseFull("no space left")), refuse(desk, None)

    run_to(desk, {11: refusing, 21: working, 51: refusing, 53: working}, 83)
    assert [text[:13] for text in desk.warnings] == ["execs are bei", "storing again"] * 2


def test_other_trouble_of_the_disk_loses_nothing_for_a_while() -> None:
    desk = busy(43)

    run_to(desk, {11: refuse(desk, DatabaseRefused("disk I/O error")), 31: refuse(desk, None)}, 43)
    assert len(desk.stored) == 43 * 7
    assert desk.warnings == ["disk I/O error; recording continues"]


def test_of_too_many_that_wait_the_oldest_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "_BACKLOG_BYTES", 23 * EXEC_BYTES)
    desk = busy(23)

    run_to(desk, {3: refuse(desk, DatabaseBusy("locked")), 13: refuse(desk, None)}, 23)
    assert desk.collector.ledger.by_cause == {Cause.REFUSED: 70 - 21}  # 7 came with each drain
    assert [event.boot_ns for event in desk.stored] == sorted(e.boot_ns for e in desk.stored)
    assert len(desk.stored) == 23 * 7 - 49
    assert len(losses(desk)) == 1
    adds_up(desk)


@pytest.mark.parametrize("drains", [103, 11])  # it catches up while recording, or at the end
def test_what_comes_faster_than_it_is_stored_waits_in_the_rings(
    monkeypatch: pytest.MonkeyPatch, drains: int
) -> None:
    monkeypatch.setattr(backlog, "_BACKLOG_BYTES", 23 * EXEC_BYTES)
    desk = busy(23)
    desk.collector = Collector(desk.wiring(batch_max=3))
    desk.now_ns += 23 * SECOND  # all of it is in the rings already
    unread_ns = [None, *range(102_200_000_000, 100_000_000_000, -100_000_000)]
    monkeypatch.setattr(desk, "unread_ns", lambda: unread_ns[len(desk.rounds)])

    desk.run(times=drains)
    assert desk.collector.ledger.by_cause == {}
    assert len(desk.stored) == 23 * 7
    adds_up(desk)


@pytest.mark.parametrize("error", [DatabaseBusy("locked"), DatabaseFull("full")])
def test_what_cannot_be_stored_at_the_end_is_said(error: DatabaseRefused) -> None:
    desk = busy(11)
    run_to(desk, {7: lambda: setattr(desk, "refusal", error)}, 11)
    assert len(desk.stored) == 7 * 7
    assert desk.collector.ledger.counts() == Counts(seen=77, stored=49, filtered=0, lost=28)
    assert str(error) in (desk.collector.storage.failure or "")
    assert desk.finished == []
