"""Points in time as people write them."""

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.times import parse_time
from execdb.store.errors import UsageError
from execdb.store.event import rfc3339

SECOND = 1_000_000_000
NOW = 1_769_864_645 * SECOND + 7  # 2026-01-31T13:04:05.000000007Z
MIDNIGHT = 1_769_817_600 * SECOND  # of that day, UTC


@pytest.fixture(autouse=True)
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Five hours and a half east of Greenwich, where 13:04 UTC is 18:34."""
    monkeypatch.setenv("TZ", "XXX-05:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


LOCAL = 19_800 * SECOND  # what local times are ahead


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("0s", NOW),
        ("7s", NOW - 7 * SECOND),
        ("10m", NOW - 600 * SECOND),
        ("2h", NOW - 7_200 * SECOND),
        ("1.5h", NOW - 5_400 * SECOND),
        ("3d", NOW - 259_200 * SECOND),
        ("2w", NOW - 1_209_600 * SECOND),
        (" 10m ", NOW - 600 * SECOND),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-31T00:00:00Z", MIDNIGHT),
        ("2026-01-31T00:00:00.000000007Z", MIDNIGHT + 7),
        ("2026-01-31T00:00:00.5Z", MIDNIGHT + SECOND // 2),
        ("2026-01-31T02:00:00+02:00", MIDNIGHT),
        ("2026-01-30T23:00:00-01:00", MIDNIGHT),
        ("2026-01-31 05:30:00", MIDNIGHT),
        ("2026-01-31 05:30", MIDNIGHT),
        ("2026-01-31T05:30:00.25", MIDNIGHT + SECOND // 4),
        ("2026-01-31", MIDNIGHT - LOCAL),
        ("05:30", MIDNIGHT),
        ("5:30", MIDNIGHT),
        ("5:30:07", MIDNIGHT + 7 * SECOND),
        ("18:34", MIDNIGHT + (13 * 60 + 4) * 60 * SECOND),
        ("1969-12-31T23:59:59Z", -SECOND),
    ],
)
def test_a_time(text: str, time_ns: int) -> None:
    assert parse_time(text, NOW) == time_ns


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterdayish", "10", "10 minutes", "m", "-10m", "10M", "٣d", "25:00", "12:60"]
    + ["2026-02-30", "2026-01-31T25:00:00Z", "2026-13-01", "0000-01-01", "now\0", "1e3s"]
    + ["9" * 400 + "d", "9" * 5_003 + "s"],
    ids=lambda text: repr(text[:23]),
)
def test_what_is_no_time_is_told_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="10m, 2h or 3d"):
        parse_time(text, NOW)


@given(st.integers(0, (1 << 63) - 1))
def test_a_time_that_was_shown_can_be_given_back(time_ns: int) -> None:
    assert parse_time(rfc3339(time_ns), NOW) == time_ns
