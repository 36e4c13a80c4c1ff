"""Rows of a user who fills the file are removed before older rows of others; this is recorded."""

import pytest

from execdb.store.event import Exec
from execdb.store.file.database import Database
from execdb.store.ledger.coverage import Kind
from execdb.store.ledger.periods import periods
from execdb.store.ledger.read_coverage import read_coverage
from execdb.store.ledger.trimmed import read_trims
from execdb.store.limits import crowding, retention
from execdb.store.limits.excess import Excess
from execdb.store.limits.file_size import size_of
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, a_filter, counts, recorded
from tests.store.limits.histories import (
    ALICE,
    BOB,
    LEAST,
    SMALL,
    events,
    of,
    orphans,
    pruned,
    record,
    value_of,
)


def flood(database: Database, total: int) -> list[Exec]:
    """Alice's few, then Bob's many, with one of Alice's now and then."""
    old = [of(ALICE, n, "old", str(n)) for n in range(211)]
    new = [
        of(*((ALICE, n, "new") if n % 1_009 == 0 else (BOB, n, "bob")), str(n).ljust(256, "b"))
        for n in range(300, total)
    ]
    record(database, [*old, *new])
    return [*old, *new]


def test_rows_of_a_user_who_fills_the_file_are_removed_before_those_of_others(
    database: Database,
) -> None:
    stored = flood(database, 16_007)
    before = events(database)
    removed = pruned(database, SMALL, START_NS)
    after = events(database)
    assert 0 < removed == len(before) - len(after)
    kept = {event.id for event in after}
    gone = [event for event in before if event.id not in kept]
    assert {event.uid for event in gone} == {BOB}
    assert [event for event in before if event.uid == ALICE] == [
        event for event in after if event.uid == ALICE
    ]
    assert after == [event for event in before if event.id in kept]
    assert orphans(database) == {}
    assert value_of(database, "SELECT sum(pruned) FROM run") == removed
    assert value_of(database, "SELECT count(*) FROM execs") == len(after)
    for event in (after[0], after[211], after[len(after) // 2], after[-1]):
        assert event in list(History(database).events(a_filter(pid=event.pid)))
        around = Filter(since_ns=event.time_ns, until_ns=event.time_ns + 1)
        assert list(History(database).events(around)) == [event]
        assert History(database).count(around) == 1
    assert History(database).count(a_filter(arg="new*")) == 0
    assert History(database).count(a_filter(uid=ALICE)) == sum(e.uid == ALICE for e in before)
    assert len(stored) + 1 == len(before)
    trims = read_trims(database)
    assert {(trim.what, trim.uid) for trim in trims} == {("rows", BOB)}
    assert sum(trim.events for trim in trims) == removed
    known = read_coverage(database, START_NS + 10**12, recording=False)
    first, last = trims[0].from_ns, trims[-1].to_ns
    found = {each.kind for each in periods(known, first, last)}
    assert Kind.PRUNED in found
    assert Kind.RECORDED not in {each.kind for each in periods(known, first + 1, first + 2)}


def test_where_all_rows_are_of_one_user_the_oldest_are_removed(database: Database) -> None:
    record(database, [of(BOB, n, "bob", str(n).ljust(256, "b")) for n in range(16_007)])
    before = events(database)
    removed = pruned(database, SMALL, START_NS)
    assert removed > 0
    assert events(database) == before[removed:]
    assert read_trims(database) == []


@pytest.mark.thorough
def test_a_recorder_continues_while_rows_are_removed_from_the_middle(database: Database) -> None:
    retention = Retention(database, LEAST)
    recording = recorded(database, [of(ALICE, n, "old", str(n)) for n in range(23)])
    number, key = 23, None
    for batch in range(80):
        execs = [
            of(BOB, n, str(n).ljust(256, "b"))._replace(parent=key)
            for n in range(number, number + 997)
        ]
        key = (execs[0].boot_ns, execs[0].pid)
        number += 997
        recording.write(execs, [], counts(number))
        for _ in range(8):
            if retention.step(START_NS) is None or retention.excess < Excess.SOME:
                break
        size = size_of(database)
        assert size.total <= (LEAST.max_bytes or 0), batch
    after = events(database)
    assert [event.argv for event in after[:23]] == [("old", str(n)) for n in range(23)]
    ids = [event.id for event in after]
    assert ids == sorted(set(ids))
    assert ids[-1] == number
    assert after[-1].argv == (str(number - 1).ljust(256, "b"),)
    assert value_of(database, "SELECT sum(pruned) FROM run") == number - len(after)
    assert value_of(database, "SELECT count(*) FROM image") == len(after)
    recording.finish(START_NS, counts(number))


def test_a_step_can_remove_a_run() -> None:
    assert crowding._RUN_MIN < retention.STEP_ROWS


def test_a_user_who_works_steadily_crowds_out_nobody(database: Database) -> None:
    """The same rows over half a year: the oldest go, whoever's they are."""
    day_ns = 86_400 * 10**9
    old = [of(ALICE, n, "old", str(n)) for n in range(211)]
    new = [of(BOB, n, "bob", str(n).ljust(256, "b")) for n in range(300, 16_007)]
    spread = [
        event._replace(
            boot_ns=event.boot_ns + n * day_ns // 80, time_ns=event.time_ns + n * day_ns // 80
        )
        for n, event in enumerate([*old, *new])
    ]
    record(database, spread)
    before = events(database)
    removed = pruned(database, SMALL, START_NS)
    assert removed > 211
    assert events(database) == before[removed:]
    assert read_trims(database) == []


def test_rows_that_stand_alone_are_looked_at_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where two users' rows alternate no runs can go: then the oldest go, in few steps."""
    rows = [of(BOB if n % 3 else ALICE, n, str(n).ljust(256, "b")) for n in range(16_007)]
    record(database, rows)
    retention = Retention(database, SMALL)
    steps = 0
    while retention.step(START_NS) is not None:
        steps += 1
    assert steps < 100
    assert value_of(database, "SELECT sum(pruned) FROM run") == 16_008 - len(events(database))
    assert read_trims(database) == []


@pytest.mark.thorough
def test_a_small_file_stays_small_in_a_flood_of_long_arguments(database: Database) -> None:
    limit = LEAST.max_bytes or 0
    retention, recording = Retention(database, LEAST), recorded(database, [])
    recording.keep_small(limit)
    number = largest = 0
    for _ in range(97):
        execs = []
        for n in range(number, number + 499):
            uid, size = (ALICE, 5) if n % 251 == 3 else (BOB, 48_000 if n % 120 == 0 else 256)
            execs.append(of(uid, n, "x", str(n).ljust(size, "b")))
        number += 499
        recording.write(execs, [], counts(number))
        for _ in range(4):
            if retention.step(START_NS) is None or retention.excess < Excess.SOME:
                break
        largest = max(largest, size_of(database).total)
    assert largest <= limit
    kept = History(database).count(a_filter(uid=ALICE))
    assert kept == sum(n % 251 == 3 for n in range(number))
