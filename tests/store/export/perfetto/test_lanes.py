"""Lanes and groups of a trace; how many programs ran at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.export.perfetto.lanes import Lanes, group_of
from execdb.store.export.perfetto.load import SECOND_NS, Load, Sample
from tests.conftest import an_event


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(0, 40) | st.none()), max_size=60))
def test_a_lane_runs_one_program_at_a_time(programs: list[tuple[int, int | None]]) -> None:
    lanes, ends = Lanes(), dict[int, float]()
    for number, (begin, lasts) in enumerate(sorted(programs, key=lambda each: each[0])):
        lane = lanes.place(number % 7, begin, None if lasts is None else begin + lasts)
        assert ends.get(lane, -1) <= begin
        ends[lane] = float("inf") if lasts is None else begin + lasts
    assert sorted(ends) == list(range(len(ends)))


def test_a_busy_minute_needs_few_lanes() -> None:
    """120,000 programs, each of which runs for up to 4 ms, beginning every half millisecond."""
    lanes = Lanes()
    used = {lanes.place(n, n * 500, n * 500 + n * 7_919 % 4_000) for n in range(120_000)}
    assert 2 <= len(used) < 30


def test_images_of_a_process_stay_in_its_lane() -> None:
    lanes = Lanes()
    first = [lanes.place(1, 0, 10), lanes.place(2, 0, 10), lanes.place(3, 5, 10)]
    assert [lanes.place(pid, 10, 20) for pid in (3, 1, 2)] == [first[2], first[0], first[1]]


@pytest.mark.parametrize(
    ("event", "group"),
    [
        ({"cgroup": "/system.slice/nginx.service"}, "nginx.service"),
        ({"cgroup": "/system.slice/cron.service"}, "cron.service"),
        (
            {"cgroup": "/system.slice/cron.service", "sessionid": 7, "loginuid": 1000},
            "cron job, session 7 of uid 1000",
        ),
        (
            {"cgroup": "/user.slice/user-1000.slice/session-3.scope", "loginuid": 1000},
            "login, session-3.scope of uid 1000",
        ),
        ({"cgroup": "/", "sessionid": 4, "loginuid": 0}, "login, session 4 of uid 0"),
        ({"cgroup": "/a/b"}, "/a/b"),
        ({"cgroup": None}, "no cgroup"),
    ],
)
def test_a_group_is_what_started_a_program(event: dict[str, object], group: str) -> None:
    assert group_of(an_event(**event)) == group


def test_load_counts_starts_of_a_second_and_what_runs_at_once() -> None:
    load, second = Load(), SECOND_NS
    added = [(0, 10), (5, 20), (10, None), (second, second + 5), (4 * second, 9 * second)]
    samples = [sample for each in added for sample in load.add(*each)]
    assert [*samples, *load.finish()] == [
        Sample(0, 3, 2),
        Sample(second, 1, 2),
        Sample(2 * second, 0, 1),
        Sample(4 * second, 1, 2),
        Sample(5 * second, 0, 2),
    ]
