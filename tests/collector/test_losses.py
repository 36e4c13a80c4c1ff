"""Whatever is lost is counted, with its cause."""

from hypothesis import given
from hypothesis import strategies as st

from execdb.store.account import Cause, Counts
from tests.collector.desk import BAD, SECOND, Desk, Round, at, busy, run_to
from tests.collector.records import record


def test_an_unreadable_record_is_counted_as_lost() -> None:
    desk = Desk([Round([[*at(1), BAD, *at(2)], [BAD]])]).run(times=1)
    assert desk.times == [1, 2]
    assert desk.ledgers == [Counts(seen=4, stored=2, filtered=0, lost=2)]  # at once


def test_a_record_that_never_arrived_is_lost_at_the_end() -> None:
    desk = Desk([Round([at(1, 2, 3)])], beyond=23).run(times=1)
    assert desk.ledgers[0] == Counts(seen=3, stored=3, filtered=0, lost=0)
    assert desk.collector.storage.counts == Counts(seen=26, stored=3, filtered=0, lost=23)
    assert desk.finished[0][1] == desk.collector.storage.counts


def test_loss_without_any_event_is_written_down() -> None:
    desk = Desk([Round([], lost=23)]).run(times=1)
    assert desk.ledgers[0] == Counts(seen=23, stored=0, filtered=0, lost=23)


def test_the_kernel_skipping_the_program_is_a_loss() -> None:
    desk = busy(3)
    run_to(desk, {1: lambda: setattr(desk, "skipped", 5)}, 3)
    assert desk.collector.ledger.counts() == Counts(seen=26, stored=21, filtered=0, lost=5)
    assert desk.collector.ledger.by_cause[Cause.SKIPPED] == 5


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
    assert desk.collector.storage.counts == (
        len(records) + lost + beyond,
        good,
        0,
        len(records) - good + lost + beyond,
    )
