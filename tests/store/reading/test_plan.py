"""What a question reads"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import a_filter, an_exec, counts, empty, recorded
from tests.store.reading.histories import matching


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_descendants_are_found_wherever_they_stand(database: Database, data: st.DataObject) -> None:
    empty(database)
    apart = data.draw(st.sampled_from([1, 37, 307]))
    parents = [data.draw(st.none() | st.integers(0, n - 1)) if n else None for n in range(13)]
    recording = recorded(database, [])
    for n, parent in enumerate(parents):
        key = None if parent is None else (an_exec(parent * apart).boot_ns, 1_000 + parent * apart)
        fill = [an_exec(n * apart + m, pid=7) for m in range(1, apart)]
        recording.write([an_exec(n * apart, parent=key), *fill], [], counts(0))
    below: dict[int, set[int]] = {n: set() for n in range(13)}
    for n, parent in enumerate(parents):
        while parent is not None:
            below[parent].add(1_000 + n * apart)
            parent = parents[parent]
    for n in range(13):
        assert set(matching(database, descendants_of=(1 + n * apart,))) == below[n]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("wanted", [Filter(), a_filter(uid=0), a_filter(pid=7)])
def test_events_that_are_removed_before_they_are_read_are_noticed(
    database: Database, wanted: Filter, reverse: bool
) -> None:
    recorded(database, [an_exec(n, pid=7) for n in range(5_003)])
    history = History(database)
    assert len(list(history.events(wanted, reverse=reverse))) == 5_003
    assert not history.incomplete
    events = history.events(wanted, reverse=reverse)
    next(events)
    retention = Retention(database, Bounds(keep_ns=0, max_bytes=None))
    while retention.step(an_exec(4_000).time_ns) is not None:
        pass
    found = list(events)
    assert history.incomplete == (len(found) < 5_002)
    assert history.incomplete


def test_events_that_are_removed_once_they_were_read_are_not_missed(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(5_003)])
    history = History(database)
    events = history.events(Filter())
    for _ in range(3_000):
        next(events)
    retention = Retention(database, Bounds(keep_ns=0, max_bytes=None))
    while retention.step(an_exec(2_000).time_ns) is not None:
        pass
    assert len(list(events)) == 2_003
    assert not history.incomplete
