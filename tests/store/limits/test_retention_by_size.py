"""A bound on size holds, while recording and afterwards; no step takes long."""

import os
import time

import pytest

from execdb.store.file.database import Database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.excess import Excess
from execdb.store.limits.file_size import compact, size_of
from execdb.store.limits.retention import Retention, would_remove
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, an_exec, counts, recorded
from tests.store.limits.histories import (
    HOUR_NS,
    LEAST,
    SMALL,
    family,
    orphans,
    pruned,
    value_of,
)


@pytest.mark.thorough
def test_a_bound_on_size_holds_while_recording(database: Database) -> None:
    retention = Retention(database, LEAST)
    recording = recorded(database, [])
    largest = 0
    for batch in range(0, 120_000, 2_000):
        execs = [an_exec(n, argv=("y" * 40, str(n))) for n in range(batch, batch + 2_000)]
        recording.write(execs, [], counts(0))
        retention.step(START_NS)
        largest = max(largest, on_disk(database))
    assert largest <= (LEAST.max_bytes or 0)
    while retention.step(START_NS) is not None:
        pass
    assert orphans(database) == {}
    left = list(History(database).events(Filter()))
    assert left[-1].pid == an_exec(119_999).pid
    assert 50_000 < len(left) < 110_000
    assert value_of(database, "SELECT pruned FROM run") == 120_000 - len(left)


def on_disk(database: Database) -> int:
    return sum(os.path.getsize(f"{database.path}{end}") for end in ("", "-wal"))


def test_a_file_that_is_too_large_is_made_smaller(database: Database) -> None:
    execs = [an_exec(n, argv=(f"{n} " + "z" * 200,)) for n in range(36_000)]
    recorded(database, execs)
    assert size_of(database).total > 8_000_000
    bounds = SMALL
    guess = would_remove(database, bounds, START_NS)
    removed = pruned(database, bounds, START_NS)
    assert removed == pytest.approx(guess, rel=0.2)
    compact(database)
    assert on_disk(database) <= (SMALL.max_bytes or 0)
    assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_it_is_behind_until_no_more_is_used_than_may_be(database: Database) -> None:
    bounds = SMALL
    retention, room, steps = Retention(database, bounds), bounds.room_bytes or 0, 0
    recorded(database, [an_exec(n, argv=("y" * 40, str(n))) for n in range(48_003)])
    assert retention.excess is Excess.NONE  # it has not looked yet
    retention.step(START_NS)
    while retention.excess >= Excess.SOME:
        steps += 1
        retention.step(START_NS)
    assert steps > 5
    size = size_of(database)
    assert size.total - size.wal - size.free <= room


def test_no_step_holds_up_a_recorder_for_long(database: Database) -> None:
    recording = recorded(database, [])
    for batch in range(0, 40_000, 2_000):
        execs = [an_exec(n, argv=("y" * 200, str(n))) for n in range(batch, batch + 2_000)]
        recording.write(execs, [], counts(0))
    retention, took_s = Retention(database, SMALL), [0.0]
    step: int | None = 0
    while step is not None:
        began_s = time.thread_time()  # of the CPU: others may want it meanwhile
        step = retention.step(START_NS)
        took_s.append(time.thread_time() - began_s)
    assert max(took_s) < 1  # a quarter of that, and less, on a machine that has nothing else to do
    assert len(took_s) < 200


def test_nothing_to_do_is_nothing_done(database: Database) -> None:
    recorded(database, family(0, 7))
    retention = Retention(database, Bounds(HOUR_NS, 10**9))
    assert retention.step(START_NS) is None
    assert would_remove(database, Bounds(HOUR_NS, 10**9), START_NS) == 0
    assert pruned(database, Bounds(max_bytes=10**9), START_NS) == 0
