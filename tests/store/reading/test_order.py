"""Order"""

from itertools import islice
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.event import Exec
from execdb.store.file.database import Database
from execdb.store.reading import history as module
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, a_filter, an_exec, counts, empty, recorded
from tests.store.reading.histories import matching, pids


def test_time_decides_and_the_row_where_times_are_equal(database: Database) -> None:
    recorded(database, [an_exec(n, pid=n) for n in (7, 3, 7, 5)])
    assert pids(History(database).events(Filter())) == [3, 5, 7, 7]
    found = list(History(database).events(Filter(), reverse=True))
    assert [(event.pid, event.id) for event in found] == [(7, 3), (7, 1), (5, 4), (3, 2)]


@pytest.fixture
def large(database: Database) -> Database:
    """3,001 rows, 2,003 of them at the same nanosecond, on both sides of a page's end."""
    times = [START_NS + min(max(n - 499, 0), 1) + (n > 2_501) * n for n in range(3_001)]
    recorded(database, [an_exec(time_ns=time, pid=n) for n, time in enumerate(times)])
    return database


def test_pages_neither_skip_nor_repeat(large: Database) -> None:
    history = History(large)
    assert pids(history.events(Filter())) == list(range(3_001))
    assert pids(history.events(Filter(), reverse=True)) == list(range(3_001))[::-1]


@pytest.mark.parametrize("limit", [1, 503, 1_000, 1_009, 2_000, 2_003, 3_001, 4_001])
def test_pages_and_limit(large: Database, limit: int) -> None:
    history, latest = History(large), list(range(3_001))[-limit:]
    assert pids(history.events(Filter(), limit=limit)) == latest
    assert pids(history.events(Filter(), limit=limit, reverse=True)) == latest[::-1]


def test_a_limit_holds_while_more_is_recorded(large: Database) -> None:
    events = History(large).events(Filter(), limit=1_503)
    first = list(islice(events, 7))
    recorded(large, [an_exec(n, pid=n, time_ns=START_NS + 10**9 + n) for n in range(4_001, 4_024)])
    assert len(first) + len(list(events)) == 1_503


def test_a_reader_between_pages_holds_no_transaction(large: Database) -> None:
    events = History(large).events(Filter())
    next(events)
    with large.writing():  # the same connection: it would refuse within another transaction
        pass
    assert len(list(events)) == 3_000


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(0, 13), max_size=29), limit=st.integers(0, 31))
def test_a_limited_query_is_the_end_of_the_whole(
    database: Database, numbers: list[int], limit: int
) -> None:
    empty(database)
    recorded(database, []).write([an_exec(n) for n in numbers], [], counts(len(numbers)))
    history = History(database)
    whole = list(history.events(Filter()))
    assert pids(whole) == [1_000 + n for n in sorted(numbers)]
    assert list(history.events(Filter(), limit=limit)) == whole[-limit:]
    assert list(history.events(Filter(), limit=limit, reverse=True)) == whole[-limit:][::-1]


def at(number: int, hours: int = 0) -> Exec:
    """An exec, the clock set forth by so many hours."""
    event = an_exec(number)
    return event._replace(time_ns=event.time_ns + hours * 3_600 * 10**9)


def test_setting_the_clock_does_not_change_the_order(database: Database) -> None:
    recording = recorded(database, [at(1), at(2), at(3, -1), at(4, -1), at(5, 24)])
    recording.write([at(6, 24), at(7)], [], counts(7))
    history = History(database)
    assert pids(history.events(Filter())) == list(range(1_001, 1_008))
    assert pids(history.events(Filter(), limit=4, reverse=True)) == [1_007, 1_006, 1_005, 1_004]
    assert [e.time_ns for e in history.events(a_filter(pid=1_003))] == [at(3, -1).time_ns]
    assert matching(database, until_ns=START_NS) == [1_003, 1_004]
    assert matching(database, since_ns=START_NS + 10**12) == [1_005, 1_006]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    batches=st.lists(st.lists(st.integers(0, 31), max_size=7), max_size=7),
    limit=st.integers(0, 23),
    since=st.integers(0, 31),
    until=st.integers(0, 31),
)
def test_batches_that_come_late_are_put_in_order(
    database: Database, batches: list[list[int]], limit: int, since: int, until: int
) -> None:
    empty(database)
    for numbers in batches:
        recorded(database, [an_exec(n) for n in sorted(numbers)])
    history = History(database)
    between = Filter(since_ns=an_exec(since).time_ns, until_ns=an_exec(until).time_ns)
    expected = sorted(1_000 + n for numbers in batches for n in numbers)
    assert pids(history.events(Filter(), limit=limit)) == expected[-limit:]
    assert pids(history.events(Filter(), limit=limit, reverse=True)) == expected[-limit:][::-1]
    with mock.patch.object(module, "PAGE", 2):  # a limit beyond is counted from the end first
        assert pids(history.events(Filter(), limit=limit)) == expected[-limit:]
    within = [pid for pid in expected if 1_000 + since <= pid < 1_000 + until]
    assert pids(history.events(between)) == within
    assert history.count(between) == len(within)
    for pid in {*expected[:3]}:
        assert matching(database, pid=pid) == [pid] * expected.count(pid)
