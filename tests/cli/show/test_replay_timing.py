"""Replay timing against a clock that moves only when someone sleeps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.show.replay_timing import Due, play, schedule, with_asides
from execdb.cli.show.tempo import Key
from execdb.store.event import Event
from tests.conftest import an_event

SECOND = 1_000_000_000


def at_seconds(*seconds: float) -> list[Event]:
    return [
        an_event(time_ns=7 * SECOND + int(s * SECOND), boot_ns=int(s * SECOND)) for s in seconds
    ]


def deadlines(
    events: list[Event], speed: float = 1.0, idle_limit_s: float | None = None
) -> list[float]:
    return [due.at_s for due in schedule(events, speed, idle_limit_s)]


def test_an_aside_comes_when_the_history_crosses_it() -> None:
    due = list(schedule(at_seconds(0, 1, 11), 2.0, None))
    texts = [(7 * SECOND + int(s * SECOND), str(s)) for s in (-1, 0.5, 3, 3, 12)]
    found = [(item.at_s, getattr(item, "text", "event")) for item in with_asides(due, texts)]
    assert found == [
        (0, "-1"),
        (0, "event"),
        (0.25, "0.5"),
        (0.5, "event"),
        (1.5, "3"),
        (1.5, "3"),
        (5.5, "event"),
        (5.5, "12"),
    ]


def test_asides_are_said_and_are_no_events() -> None:
    clock, said = HandClock(), list[tuple[float, str]]()
    items = with_asides(schedule(at_seconds(0, 4), 1.0, None), [(8 * SECOND, "gap")])
    played = play(items, clock.read, clock.sleep, lambda text: said.append((clock.now_s, text)))
    assert [late_s for _, late_s in played] == [0, 0]
    assert said == [(1_010.0, "gap")]


class HandClock:
    """`late_s` is how much longer each sleep takes than was asked for."""

    def __init__(self, late_s: float = 0.0) -> None:
        self.now_s, self.late_s = 1_009.0, late_s
        self.slept_s: list[float] = []

    def read(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept_s.append(seconds)
        self.now_s += seconds + self.late_s


def test_the_first_is_due_at_once_and_the_others_as_they_happened() -> None:
    assert deadlines(at_seconds(100, 101, 103.5, 103.5)) == [0, 1, 3.5, 3.5]
    assert deadlines([]) == []


def test_speed_divides() -> None:
    assert deadlines(at_seconds(0, 1, 3), speed=2) == [0, 0.5, 1.5]
    assert deadlines(at_seconds(0, 1, 3), speed=0.5) == [0, 2, 6]
    assert deadlines(at_seconds(0, 1, 3), speed=0) == [0, 0, 0]


def test_a_long_pause_is_cut_before_speed_divides() -> None:
    events = at_seconds(0, 1, 1_001, 1_001.5)
    assert deadlines(events, idle_limit_s=2) == [0, 1, 3, 3.5]
    assert deadlines(events, speed=2, idle_limit_s=2) == [0, 0.5, 1.5, 1.75]
    assert deadlines(events, idle_limit_s=0) == [0, 0, 0, 0]


@pytest.mark.parametrize("idle_limit_s", [1e300, float("inf")])
def test_a_limit_beyond_all_pauses_cuts_none(idle_limit_s: float) -> None:
    assert deadlines(at_seconds(0, 1, 1_001), idle_limit_s=idle_limit_s) == [0, 1, 1_001]


def test_a_wall_clock_that_was_set_changes_nothing_within_a_boot() -> None:
    one, two = at_seconds(0, 3)
    assert deadlines([one, two._replace(time_ns=two.time_ns + 3_600 * SECOND)]) == [0, 3]


def test_across_boots_the_wall_clock_counts() -> None:
    before = an_event(boot_id="before", time_ns=10 * SECOND, boot_ns=5_000 * SECOND)
    after = an_event(boot_id="after", time_ns=40 * SECOND, boot_ns=7 * SECOND)
    assert deadlines([before, after]) == [0, 30]


def test_it_never_goes_backwards() -> None:
    assert deadlines(at_seconds(5, 3, 4)) == sorted(deadlines(at_seconds(5, 3, 4)))


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=23).map(sorted))
def test_no_deadline_drifts(times_ns: list[int]) -> None:
    events = [an_event(time_ns=time, boot_ns=time) for time in times_ns]
    assert deadlines(events) == [(time - times_ns[0]) / 1e9 for time in times_ns]


def test_each_event_comes_when_it_is_due() -> None:
    clock = HandClock()
    played = list(play(schedule(at_seconds(0, 1, 3.5), 1, None), clock.read, clock.sleep))
    assert [event.boot_ns for event, _ in played] == [0, SECOND, int(3.5 * SECOND)]
    assert [late for _, late in played] == [0, 0, 0]
    assert clock.slept_s == [1, 2.5]


def test_a_late_event_delays_no_later_one() -> None:
    clock = HandClock()
    came: list[float] = []
    for event, _ in play(schedule(at_seconds(0, 1, 2, 5), 1, None), clock.read, clock.sleep):
        came.append(clock.now_s - 1_009)
        clock.now_s += 3 if event.boot_ns == 0 else 0  # a slow terminal
    assert came == [0, 3, 3, 5]


def test_how_late_an_event_is_is_told() -> None:
    clock = HandClock(late_s=0.25)
    due = schedule(at_seconds(0, 1, 2), 1, None)
    assert [late for _, late in play(due, clock.read, clock.sleep)] == [0, 0.25, 0.25]


def test_as_fast_as_possible_never_sleeps() -> None:
    clock = HandClock()
    assert len(list(play(schedule(at_seconds(0, 9, 99), 0, None), clock.read, clock.sleep))) == 3
    assert clock.slept_s == []


def test_events_are_taken_as_they_are_due() -> None:
    """A replay of a large history does not read it all first."""

    def endless() -> object:
        number = 0
        while True:
            yield Due(float(number), an_event(number))
            number += 1

    clock = HandClock()
    playing = play(endless(), clock.read, clock.sleep)  # type: ignore[arg-type]
    assert [next(playing)[0].pid for _ in range(3)] == [1_000, 1_001, 1_002]


class Keyboard:
    """Keys that are pressed at certain times of a hand-driven clock."""

    def __init__(self, *pressed: tuple[float, Key]) -> None:
        self.now_s, self._pressed = 100.0, [(100 + at_s, key) for at_s, key in pressed]

    def read(self) -> float:
        return self.now_s

    def wait(self, timeout_s: float) -> Key | None:
        until_s = self.now_s + timeout_s
        if self._pressed and self._pressed[0][0] <= until_s:
            self.now_s, key = self._pressed.pop(0)
            return key
        self.now_s = until_s
        return None


def shown_at(keyboard: Keyboard, *seconds: float) -> list[float]:
    items = schedule(at_seconds(*seconds), 1, None)
    shown = []
    for _ in play(items, keyboard.read, keyboard.wait, lambda _: None):
        shown.append(round(keyboard.now_s - 100, 6))
    return shown


def test_a_pause_delays_all_that_follows() -> None:
    keys = (0.5, Key.PAUSE), (7.5, Key.PAUSE)
    assert shown_at(Keyboard(*keys), 0, 1, 3) == [0, 8, 10]


def test_a_step_shows_the_next_one_at_once_and_pauses() -> None:
    keys = (0.25, Key.STEP), (2.25, Key.STEP), (5.0, Key.PAUSE)
    assert shown_at(Keyboard(*keys), 0, 1, 3, 4) == [0, 0.25, 2.25, 6]


def test_the_speed_changes_from_where_it_is() -> None:
    keys = (1.0, Key.FASTER), (2.0, Key.SLOWER), (2.0, Key.SLOWER)
    assert shown_at(Keyboard(*keys), 0, 3, 4) == [0, 2, 4]


def test_time_that_the_process_was_stopped_does_not_count() -> None:
    """A nap that should have taken 0.1 s took 60: the position is where it was before."""

    class Stopped(Keyboard):
        def wait(self, timeout_s: float) -> Key | None:
            if self.now_s < 101 <= self.now_s + timeout_s:
                self.now_s += 60
                return Key.CONTINUED
            return super().wait(timeout_s)

    first, second = shown_at(Stopped(), 0, 2)
    assert first == 0
    assert 62 <= second <= 62.2
