"""Counts over time, against the same counted one by one."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.errors import DatabaseError, UsageError
from execdb.store.event import End
from execdb.store.file.database import Database
from execdb.store.overview.intervals import DAY_NS
from execdb.store.overview.timeline import Division, span_of, timeline
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, a_filter, an_exec, counts, empty, recorded, some_creds

MS = 1_000_000


def fill(database: Database, numbers: list[int]) -> None:
    """An exec at each of these milliseconds; every third fails."""
    execs = [an_exec(n, comm=f"c{n % 3}", creds=some_creds(n % 2)) for n in numbers]
    ends = [
        End(e.boot_ns + MS, (e.boot_ns, e.pid), 256 if n % 3 == 0 else 0)
        for n, e in zip(numbers, execs, strict=True)
    ]
    recording = recorded(database, execs)
    recording.write([], ends, counts(len(execs)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 5_003), min_size=1, max_size=40, unique=True),
    st.sampled_from([7 * MS, 100 * MS, 1_000 * MS, DAY_NS]),
    st.sampled_from([{}, {"uid": 1}, {"failed": True}, {"since_ns": START_NS + 1_009 * MS}]),
    st.booleans(),
)
def test_counts_are_those_of_the_events(
    database: Database, numbers: list[int], every_ns: int, wanted: dict[str, int], utc: bool
) -> None:
    empty(database)
    fill(database, sorted(numbers))
    history, chosen = History(database), a_filter(**wanted)
    span = span_of(history, chosen)
    events = list(history.events(chosen))
    if span is None:
        assert not events
        return
    found = timeline(history, chosen, span, Division(every_ns, utc=utc), "comm")
    assert [each.to_ns for each in found[:-1]] == [each.from_ns for each in found[1:]]
    for interval in found:
        inside = [e for e in events if interval.from_ns <= e.time_ns < interval.to_ns]
        assert interval.count.execs == len(inside)
        assert interval.count.failed == sum(e.exit_code != 0 for e in inside)
        by_comm = Counter(event.comm for event in inside)
        assert {value: count.execs for value, count in interval.by.items()} == by_comm
    assert sum(interval.count.execs for interval in found) == len(events)


def test_nothing_has_no_span(database: Database) -> None:
    assert span_of(History(database), Filter()) is None


def test_a_field_of_its_own_for_each_event_is_refused(database: Database) -> None:
    fill(database, [1])
    span = START_NS, START_NS + DAY_NS
    with pytest.raises(UsageError, match="parent_id"):
        timeline(History(database), Filter(), span, Division(), "parent_id")


@pytest.mark.parametrize("value", [START_NS + 2 * DAY_NS, 2**63 - 1, "x", b"\xff", 2.5])
def test_times_that_contradict_their_segment_are_an_error(
    database: Database, value: object
) -> None:
    fill(database, [1, 2, 3])
    with database.writing() as connection:
        connection.execute("UPDATE image SET time_ns = ? WHERE id = 2", (value,))
    span = START_NS, START_NS + DAY_NS
    try:
        found = timeline(History(database), Filter(), span, Division(60_000 * MS))
    except DatabaseError:
        return
    assert sum(each.count.execs for each in found) == 3
