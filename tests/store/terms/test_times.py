"""Points in time as people write them."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.errors import UsageError
from execdb.store.terms.times import parse_time
from execdb.store.times import rfc3339

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
        ("1h30m", NOW - 5_400 * SECOND),
        ("1d2h3m4s", NOW - 93_784 * SECOND),
        ("1 hour ago", NOW - 3_600 * SECOND),
        ("10 minutes ago", NOW - 600 * SECOND),
        ("2 Weeks  ago", NOW - 1_209_600 * SECOND),
        ("3h ago", NOW - 10_800 * SECOND),
        ("today", MIDNIGHT - LOCAL),
        ("Yesterday", MIDNIGHT - LOCAL - 86_400 * SECOND),
        ("@0", 0),
        ("@1769817600", MIDNIGHT),
        ("@1769817600.000000007", MIDNIGHT + 7),
        ("@-1", -SECOND),
    ],
)
def test_a_time(text: str, time_ns: int) -> None:
    assert parse_time(text, NOW) == time_ns


@pytest.mark.parametrize(
    "text",
    ["", " ", "yesterdayish", "10", "10 minutes", "m", "-10m", "10M", "٣d", "25:00", "12:60"]
    + ["2026-02-30", "2026-01-31T25:00:00Z", "2026-13-01", "0000-01-01", "now\0", "1e3s"]
    + ["9" * 400 + "d", "9" * 5_003 + "s", "nan", "inf", "1e400", "٣", "٢٠٢٦-01-31", "²h"]
    + ["@", "@nan", "@1e9", "9" * 30, "@" + "9" * 30, "3 mago", "5 hays ago", "0001-01-01"]
    + ["todayish", "1h 30", "1h-30m"],
    ids=lambda text: repr(text[:23]),
)
def test_what_is_no_time_is_told_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match="10m, 2h or 3d"):
        parse_time(text, NOW)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1769817600", "@1769817600"),
        ("1769817600123", "@1769817600.123"),
        ("@1769817600123", "@1769817600.123"),
        ("1769817600123456", "@1769817600.123456"),
        ("@1769817600123456789", "@1769817600.123456789"),
    ],
)
def test_a_bare_number_is_told_what_it_may_be_in_seconds(text: str, meant: str) -> None:
    with pytest.raises(UsageError, match=f"{text} is no time: .* it is {meant}$"):
        parse_time(text, NOW)
    assert parse_time(meant, NOW) // SECOND == 1_769_817_600


@pytest.mark.parametrize("text", ["2263-01-01", "2999-12-31", "@9223372037", "1600-01-01"])
def test_a_time_that_no_row_can_hold_is_a_limit_like_any(text: str) -> None:
    assert abs(parse_time(text, NOW)) > 1 << 63


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch, zone: None) -> Iterator[None]:
    with in_zone(monkeypatch, "CET-1CEST,M3.5.0,M10.5.0/3"):
        yield


@contextmanager
def in_zone(monkeypatch: pytest.MonkeyPatch, name: str) -> Iterator[None]:
    monkeypatch.setenv("TZ", name)
    time.tzset()
    yield


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    "text", ["2026-03-29 02:30", "2026-03-29 02:00", "2026-03-29 02:59:59.999", "2026-03-29T02:01"]
)
@pytest.mark.parametrize("later", [False, True])
def test_a_local_time_that_never_was_is_the_moment_of_the_change(
    berlin: None, text: str, later: bool
) -> None:
    """Nothing happened between: what was before the one was before the other."""
    said: list[str] = []
    found = parse_time(text, NOW, later=later, say=said.append)
    assert found == moment("2026-03-29 03:00+02:00")
    (note,) = said
    assert note.startswith("note: 2026-03-29 02:")
    assert "does not exist, because the clocks went forward from 2026-03-29 02:00:00 " in note
    assert "to 2026-03-29 03:00:00: using that moment" in note


@pytest.mark.parametrize("text", ["2026-10-25 02:30", "2026-10-25 02:00", "2026-10-25 02:59:59"])
def test_a_local_time_that_was_twice_is_taken_so_that_nothing_is_missed(
    berlin: None, text: str
) -> None:
    said: list[str] = []
    first = parse_time(text, NOW, say=said.append)
    last = parse_time(text, NOW, later=True, say=said.append)
    assert (first, last) == (moment(f"{text}+02:00"), moment(f"{text}+01:00"))
    for note, offset, which in zip(said, ("+02:00", "+01:00"), ("earlier", "later"), strict=True):
        assert note.startswith("note: ")
        assert re.search(rf"twice.* using {text}(:00)?\{offset}, the {which} one", note)


@pytest.mark.parametrize(
    "text", ["2026-03-29 01:59:59", "2026-03-29 03:00", "2026-10-25 01:59", "2026-10-25 03:00"]
)
def test_the_neighbours_of_a_change_of_clocks_need_no_word(berlin: None, text: str) -> None:
    parse_time(text, NOW, say=pytest.fail)


@pytest.mark.parametrize(
    ("zone_name", "day", "begins"),
    [
        ("<-04>4<-03>,M9.1.6/24,M4.1.6/24", "2026-09-06", "2026-09-06T01:00-03:00"),
        ("CST5CDT,M3.2.0/0,M11.1.0/1", "2026-11-01", "2026-11-01T00:00-04:00"),
    ],
    ids=["left out, as in Santiago", "twice, as in Havana"],
)
def test_a_day_begins_whatever_the_clocks_do_at_midnight(
    monkeypatch: pytest.MonkeyPatch, zone_name: str, day: str, begins: str
) -> None:
    with in_zone(monkeypatch, zone_name):
        assert parse_time(day, NOW, say=pytest.fail) == moment(begins)


@given(st.integers(0, (1 << 63) - 1))
def test_a_time_that_was_shown_can_be_given_back(time_ns: int) -> None:
    assert parse_time(rfc3339(time_ns), NOW) == time_ns
