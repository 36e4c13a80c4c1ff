"""The ledger on plain numbers: what adds up, and when a loss is a new one."""

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from execdb.collector.ledger import Ledger
from execdb.store.account import Cause, ClockSet, Loss

MS, SECOND = 1_000_000, 1_000_000_000
OFFSET = 1_760_000_000 * SECOND


class Desk:
    """A ledger, and what the database would hold of it."""

    def __init__(self) -> None:
        self.warnings: list[str] = []
        self.ledger = Ledger(self.warnings.append)
        self.ledger.begin(0, OFFSET)
        self.losses: dict[int, Loss] = {}
        self.clock_sets: list[ClockSet] = []

    def lose(self, lost: int, from_ms: int, to_ms: int, cause: Cause = Cause.RING_FULL) -> None:
        self.ledger.lose(cause, lost, from_ms * MS, to_ms * MS)

    def keep(self, at_ms: int = 0) -> "Desk":
        account = self.ledger.account(at_ms * MS)
        self.losses |= {loss.number: loss for loss in account.losses}
        self.clock_sets += account.clock_sets
        self.ledger.kept()
        return self

    @property
    def intervals(self) -> list[tuple[int, int, int]]:
        """In milliseconds since the ledger began."""
        return [
            ((loss.from_ns - OFFSET) // MS, (loss.to_ns - OFFSET) // MS, loss.lost)
            for loss in self.losses.values()
        ]


def test_a_loss_that_goes_on_is_one_interval_and_one_warning() -> None:
    desk = Desk()
    for flush in range(23):
        desk.lose(7, flush * 100, flush * 100 + 100)
        desk.keep()
    assert desk.intervals == [(0, 2300, 161)]
    assert len(desk.warnings) == 1
    assert "ring full" in desk.warnings[0]


def test_a_pause_of_more_than_a_second_makes_two() -> None:
    desk = Desk()
    desk.lose(1, 0, 100)
    desk.lose(2, 1_100, 1_200)
    desk.lose(3, 2_201, 2_300)
    assert desk.keep().intervals == [(0, 1_200, 3), (2_201, 2_300, 3)]
    assert len(desk.warnings) == 1  # a burst, with pauses
    desk.lose(1, 13_000, 13_100)
    assert len(desk.warnings) == 2


def test_each_cause_has_intervals_of_its_own() -> None:
    desk = Desk()
    desk.lose(1, 0, 100)
    desk.lose(2, 100, 200, Cause.NO_SPACE)
    desk.lose(3, 200, 300)
    desk.keep()
    assert desk.intervals == [(0, 300, 4), (100, 200, 2)]
    assert desk.ledger.by_cause == {Cause.RING_FULL: 4, Cause.NO_SPACE: 2}


def test_a_state_in_which_nothing_happens_goes_on_but_does_not_begin() -> None:
    desk = Desk()
    desk.lose(0, 0, 100)
    assert desk.keep().intervals == []
    desk.lose(1, 100, 200)
    desk.lose(0, 200, 1_000)
    assert desk.keep().intervals == [(100, 1_000, 1)]


def test_a_counter_that_stays_is_no_loss() -> None:
    desk = Desk()
    for total in (0, 7, 7, 11):
        desk.ledger.lose_all_of(Cause.RING_FULL, total, 0, 100 * MS)
    assert desk.keep().intervals == [(0, 100, 11)]


def test_what_was_kept_is_not_told_again() -> None:
    desk = Desk()
    desk.lose(1, 0, 100)
    assert desk.ledger.pending
    desk.keep()
    assert not desk.ledger.pending
    assert desk.ledger.account(0).losses == []


def test_a_clock_that_is_set_ends_the_interval_and_is_told() -> None:
    desk = Desk()
    desk.lose(1, 0, 100)
    desk.ledger.follow_clock(150 * MS, OFFSET - 3_600 * SECOND)
    desk.lose(2, 150, 200)
    desk.keep()
    assert desk.intervals == [(0, 100, 1), (150 - 3_600_000, 200 - 3_600_000, 2)]
    before_ns = OFFSET + 150 * MS
    assert desk.clock_sets == [ClockSet(before_ns, before_ns - 3_600 * SECOND)]


def test_a_clock_that_is_adjusted_a_little_is_not_told() -> None:
    desk = Desk()
    desk.lose(1, 0, 100)
    desk.ledger.follow_clock(150 * MS, OFFSET - 90 * MS)
    desk.lose(2, 100, 200)
    assert desk.keep().intervals == [(0, 110, 3)]
    assert desk.clock_sets == []


class Step(NamedTuple):
    cause: Cause
    lost: int
    after_ms: int
    for_ms: int
    clock_ms: int
    keep: bool


STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(Cause),
        st.integers(0, 7),
        st.integers(0, 3_000),
        st.integers(0, 1_000),
        st.sampled_from([0, 0, 0, 0, -3_600_000, 86_400_000, 5]),
        st.booleans(),
    ),
    max_size=23,
)


@given(STEPS)
def test_the_intervals_add_up_to_the_ledger(steps: list[Step]) -> None:
    desk = Desk()
    now_ms, offset_ms = 0, 0
    for step in steps:
        if step.clock_ms:
            offset_ms += step.clock_ms
            desk.ledger.follow_clock(now_ms * MS, OFFSET + offset_ms * MS)
        now_ms += step.after_ms
        desk.lose(step.lost, now_ms, now_ms + step.for_ms, step.cause)
        now_ms += step.for_ms
        if step.keep:
            desk.keep()
    desk.keep()
    assert sum(loss.lost for loss in desk.losses.values()) == desk.ledger.counts().lost
    for cause, lost in desk.ledger.by_cause.items():
        assert sum(x.lost for x in desk.losses.values() if x.cause == cause) == lost
    # What was real time stays real time, however the clock was set.
    assert all(0 <= loss.to_ns - loss.from_ns <= now_ms * MS + SECOND for loss in
               desk.losses.values())  # fmt: skip
