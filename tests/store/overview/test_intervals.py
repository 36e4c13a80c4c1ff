"""Intervals that begin at round times."""

import time
from collections.abc import Iterator
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.errors import UsageError
from execdb.store.overview.intervals import (
    DAY_NS,
    INTERVALS_MAX,
    clock_changes,
    edges_of,
    round_length_ns,
    zone_of,
)

SECOND, HOUR = 10**9, 3_600 * 10**9


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def moment(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def test_edges_are_round_but_for_the_first_and_the_last(berlin: None) -> None:
    since, until = moment("2026-01-31 03:07:23+01:00"), moment("2026-01-31 06:30:00+01:00")
    edges = edges_of(since, until, HOUR, utc=False)
    assert edges == [since, *(moment(f"2026-01-31 0{n}:00:00+01:00") for n in (4, 5, 6)), until]
    six = edges_of(since, until, 6 * HOUR, utc=True)
    assert six == [since, until]
    assert edges_of(since, until, 6 * HOUR, utc=False)[1] == moment("2026-01-31 06:00:00+01:00")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_is_from_midnight_to_midnight(berlin: None, day: str, hours: int) -> None:
    since = int(datetime.fromisoformat(day).timestamp()) * SECOND
    edges = edges_of(since, since + 3 * DAY_NS, DAY_NS, utc=False)
    assert edges[1] - edges[0] == hours * HOUR
    assert edges[2] - edges[1] == 24 * HOUR
    assert edges_of(since, since + 3 * DAY_NS, DAY_NS, utc=True)[2] % DAY_NS == 0
    ((changed, shift),) = clock_changes(since, since + 3 * DAY_NS)
    assert shift == (24 - hours) * HOUR
    assert changed == moment(f"{day} 01:00:00+00:00")
    assert zone_of(changed - 1, utc=False) != zone_of(changed, utc=False)
    assert zone_of(changed, utc=True) == "UTC"


@given(st.integers(0, 10**19), st.integers(1, 10**19), st.integers(1, 200), st.booleans())
def test_automatic_intervals_cover_all_and_fit(
    since: int, length: int, at_most: int, utc: bool
) -> None:
    every = round_length_ns(length, at_most)
    edges = edges_of(since, since + length, every, utc=utc)
    assert (edges[0], edges[-1]) == (since, since + length)
    assert edges == sorted(set(edges))
    assert len(edges) - 1 <= max(2, at_most)


def test_too_many_intervals_are_refused() -> None:
    with pytest.raises(UsageError, match=f"more than {INTERVALS_MAX}: give a longer --every"):
        edges_of(0, 30 * DAY_NS, SECOND, utc=True)
