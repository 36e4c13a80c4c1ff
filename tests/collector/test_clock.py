"""The offset between the clocks: steady against jitter, true when the clock is set."""

from collections.abc import Iterator

from execdb.collector.clock import Clock


class HandClock(Clock):
    """Both clocks are set by hand; `steps` is how far the boot clock moves at each reading."""

    def __init__(self, wall_ns: int = 1_000_000_007) -> None:
        self.boot, self.wall = 7, wall_ns
        self.steps: Iterator[int] = iter(())
        super().__init__()

    def boot_ns(self) -> int:
        self.boot += next(self.steps, 0)
        return self.boot

    def wall_ns(self) -> int:
        return self.wall


def test_wall_time_is_boot_time_and_the_offset() -> None:
    assert HandClock().offset_ns() == 1_000_000_000


def test_jitter_moves_nothing() -> None:
    clock = HandClock()
    for jitter in (50_000, -50_000, 99_000, -99_000):
        clock.wall = 1_000_000_007 + jitter
        assert clock.offset_ns() == 1_000_000_000


def test_a_set_clock_is_followed_both_ways() -> None:
    clock = HandClock()
    for hours in (1, -1):
        clock.wall = 1_000_000_007 + hours * 3_600_000_000_000
        assert clock.offset_ns() == 1_000_000_000 + hours * 3_600_000_000_000


def test_a_slow_drift_is_followed() -> None:
    clock = HandClock()
    for _ in range(1_009):
        clock.wall += 10_000  # as NTP slews it
        clock.offset_ns()
    assert abs(clock.offset_ns() - (clock.wall - clock.boot)) <= 100_000


def test_a_reading_that_was_interrupted_does_not_count() -> None:
    clock = HandClock()
    clock.steps = iter([0, 50_000_000, 0, 0, 0, 20_000_000])  # the second of three is tight
    clock.wall += 50_000_000
    assert clock.offset_ns() == 1_000_000_000


def test_the_real_clocks_agree_with_it() -> None:
    clock = Clock()
    assert abs(clock.boot_ns() + clock.offset_ns() - clock.wall_ns()) < 1_000_000_000
