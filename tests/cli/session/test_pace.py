"""How fast lines come on a terminal."""

from execdb.cli.session.pace import BURST, LINES_PER_S, Pace


def test_a_screen_is_shown_at_once_and_the_rest_is_counted() -> None:
    pace = Pace()
    assert pace.take(10.0, BURST + 23) == BURST
    assert pace.left_out() == 23
    assert pace.left_out() == 0


def test_in_the_long_run_lines_come_at_a_pace_that_can_be_read() -> None:
    pace = Pace()
    shown = sum(pace.take(step / 10, 1_009) for step in range(601))
    assert shown == BURST + 60 * LINES_PER_S
    assert shown + pace.left_out() == 601 * 1_009


def test_after_a_pause_a_screen_is_shown_again_but_not_more() -> None:
    pace = Pace()
    pace.take(0.0, 997)
    assert pace.take(3_600.0, 997) == BURST


def test_a_clock_that_stands_still_gives_nothing() -> None:
    pace = Pace()
    pace.take(5.0, BURST)
    assert pace.take(5.0, 1) == pace.take(4.0, 1) == 0
