"""Counts over time and by value: exact where they say so, near where they do not."""

from collections import Counter
from itertools import pairwise

import pytest

from execdb.store.browsing import pieces
from execdb.store.browsing import survey as survey_module
from execdb.store.browsing.facets import facets, outcome
from execdb.store.browsing.pages import Pages
from execdb.store.browsing.survey import survey
from execdb.store.errors import DatabaseError
from execdb.store.event import End, Event
from execdb.store.file.database import Database
from execdb.store.reading.filter import Filter
from tests.conftest import START_NS, a_filter, an_exec, counts, recorded, some_creds
from tests.store.writing.recordings import begin, key

MS = 1_000_000
EDGES = [START_NS + at * MS for at in (0, 100, 101, 1_000, 2_500, 2_999, 5_000)]
WANTED = [
    a_filter(),
    a_filter(comm="odd"),
    a_filter(uid=7),
    a_filter(failed=True),
    a_filter(arg="1"),
    a_filter(pid=1_013),
    a_filter(comm="nothing"),
]


@pytest.fixture
def history(database: Database) -> Pages:
    """Two runs of 2,003 events, a millisecond between two, every seventh failed."""
    for offset in (0, 2_100):
        recording = begin(database)
        execs = [
            an_exec(
                n,
                comm="odd" if n % 2 else "even",
                argv=("x", str(n % 10)),
                creds=some_creds(n % 11),
            )
            for n in range(offset, offset + 2_003)
        ]
        ends = [End(e.boot_ns + 1, key(e), 0x100 if e.pid % 7 == 0 else 0) for e in execs]
        recording.write(execs, ends, counts(2_003))
    return Pages(database)


def within(wanted: Filter) -> Filter:
    return Filter(wanted.terms, EDGES[0], EDGES[-1], wanted.failed)


def has_failed(event: Event) -> bool:
    return bool(event.exit_code)


@pytest.mark.parametrize("wanted", WANTED)
def test_everything_is_counted_where_that_is_quick(history: Pages, wanted: Filter) -> None:
    found = survey(history, within(wanted), EDGES)
    events = list(history.events(within(wanted)))
    assert found.exact
    assert found.execs_exact
    assert found.failed_exact
    for (from_ns, to_ns), interval in zip(pairwise(EDGES), found.intervals, strict=True):
        there = [event for event in events if from_ns <= event.time_ns < to_ns]
        assert interval.execs == len(there)
        assert interval.failed == sum(map(has_failed, there))


def test_values_are_counted(history: Pages) -> None:
    found = survey(history, within(a_filter()), EDGES)
    values = facets(history.database, found.kinds)
    events = list(history.events(within(a_filter())))
    assert values["uid"] == Counter(event.uid for event in events)
    assert values["comm"] == Counter(event.comm for event in events)
    failed = sum(map(has_failed, events))
    assert values["outcome"] == {"exit": failed, "succeeded": len(events) - failed}


@pytest.mark.parametrize("wanted", [a_filter(), a_filter(comm="odd")])
def test_a_sample_says_that_it_is_one_and_is_near(history: Pages, wanted: Filter) -> None:
    found = survey(history, within(wanted), EDGES, rows_max=450)
    number = history.count(within(wanted))
    assert not found.exact
    assert found.read < found.rows
    assert found.execs_exact is (not wanted.terms)
    assert found.failed_exact is (not wanted.terms)
    assert abs(found.execs - number) < number * 0.1
    assert abs(found.failed - number / 7) < number * 0.1


def test_when_it_is_late_each_interval_is_estimated(
    history: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "_AT_ONCE", 1)
    monkeypatch.setattr(pieces, "_CHUNK", 7)
    wanted = within(a_filter(comm="odd"))
    found = survey(history, wanted, EDGES, late=lambda: True)
    exact = survey(history, wanted, EDGES)
    assert exact.exact
    assert (found.exact, found.execs_exact, found.failed_exact) == (False, False, False)
    for some, all_ in zip(found.intervals, exact.intervals, strict=True):
        assert bool(some.execs) is bool(all_.execs)
    assert found.read < exact.read / 2


def test_failures_are_counted_exactly_by_what_blocks_tell(history: Pages) -> None:
    wanted = within(a_filter())
    found, exact = survey(history, wanted, EDGES, rows_max=600), survey(history, wanted, EDGES)
    assert (found.exact, found.failed_exact, exact.exact) == (False, True, True)
    assert [each.failed for each in found.intervals] == [each.failed for each in exact.intervals]


def test_what_comes_too_late_is_said(history: Pages) -> None:
    """Terms about arguments are looked for in the newest segments first."""
    looks = iter([False, True])
    found = survey(history, within(a_filter(arg="1")), EDGES, late=lambda: next(looks))
    assert found.since_ns is not None
    assert found.intervals[-1].execs
    assert not found.intervals[0].execs


def test_a_forged_status_is_an_error(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(3)])
    with database.writing() as connection:
        connection.execute("UPDATE image SET status = 'x' WHERE id = 2")
    with pytest.raises(DatabaseError, match="inconsistent"):
        survey(Pages(database), within(a_filter()), EDGES)


def test_outcomes() -> None:
    names = [outcome(*each) for each in ((0, None), (256, None), (9, None), (None, "ENOENT"))]
    assert names == ["succeeded", "exit", "signal", "refused"]
    assert [outcome(-1, None), outcome(None, None)] == ["replaced", "running"]
