"""Retention: the oldest goes, with all that only it needed, and nothing else changes."""

import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.event import End, Exec
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.limits import retention, unused_entries
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.excess import Excess
from execdb.store.limits.file_size import compact, size_of
from execdb.store.limits.retention import Retention, would_remove
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, an_exec, counts, recorded

HOUR_NS = 3_600 * 10**9


def pruned(database: Database, bounds: Bounds, now_ns: int) -> int:
    retention, removed = Retention(database, bounds), 0
    while (step := retention.step(now_ns)) is not None:
        removed += step
    return removed


def value_of(database: Database, sql: str) -> object:
    with database.reading() as connection:
        return scalar(connection, sql)


def orphans(database: Database) -> dict[str, object]:
    """What is in the file though nothing refers to it."""
    used = "SELECT program_id FROM command UNION SELECT value FROM command, json_each(arguments)"
    questions = {
        "command": "SELECT count(*) FROM command WHERE id NOT IN (SELECT command_id FROM image)",
        "origin": "SELECT count(*) FROM origin WHERE id NOT IN (SELECT origin_id FROM image)",
        "program": f"SELECT count(*) FROM program WHERE id NOT IN ({used})",
        "argument": f"SELECT count(*) FROM argument WHERE id NOT IN ({used})",
        "pids": "SELECT count(*) FROM pid_block WHERE (pids, block) NOT IN"
        " (SELECT pid >> 5, id >> 10 FROM image)",
        "parents": "SELECT count(*) FROM child_block WHERE (parents, block) NOT IN"
        " (SELECT parent_id >> 6, id >> 10 FROM image WHERE parent_id IS NOT NULL)",
        "uses": "SELECT count(*) FROM entry_block WHERE chunk NOT IN (SELECT id >> 15 FROM image)",
    }
    found = {name: value_of(database, sql) for name, sql in questions.items()}
    return {name: count for name, count in found.items() if count}


def family(number: int, count: int) -> list[Exec]:
    """The first is the parent of all; each has an argument of its own."""
    first = an_exec(number)
    key = (first.boot_ns, first.pid)
    rest = [an_exec(number + n, argv=("x", str(number + n)), parent=key) for n in range(1, count)]
    return [first, *rest]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives=st.lists(st.integers(1, 23), min_size=1, max_size=5),
    keep=st.integers(0, 130),
    step=st.integers(1, 13),
)
def test_what_is_older_goes_and_nothing_else(
    template: Path, lives: list[int], keep: int, step: int
) -> None:
    import shutil
    import tempfile

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(retention, "STEP_ROWS", step)
        path = shutil.copy(template, Path(folder, "execdb.db"))
        with open_database(Path(path)) as database:
            for life, rows in enumerate(lives):
                recording = Recording(database, MACHINE, "0", START_NS)
                recording.know([an_exec(0, pid=1), an_exec(0, pid=2)])
                recording.write(family(life * 23, rows), [], counts(rows))
                recording.finish(START_NS, counts(rows))
            before = list(History(database).events(Filter()))
            cut_ns = START_NS + keep * 1_000_000
            bounds = Bounds(keep_ns=HOUR_NS)
            expected = [event for event in before if event.time_ns >= cut_ns]
            assert would_remove(database, bounds, cut_ns + HOUR_NS) == len(before) - len(expected)
            assert pruned(database, bounds, cut_ns + HOUR_NS) == len(before) - len(expected)
            assert list(History(database).events(Filter())) == expected
            assert orphans(database) == {}
            assert value_of(database, "SELECT sum(pruned) FROM run") == len(before) - len(expected)
            assert value_of(database, "SELECT sum(stored) FROM run") == len(before)
            for event in expected:
                assert event in list(History(database).events(Filter(pid=event.pid)))
            assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_a_recorder_goes_on_after_its_own_rows_were_pruned(db: Path, database: Database) -> None:
    recording = recorded(database, family(0, 7))
    with open_database(db) as other:
        assert pruned(other, Bounds(keep_ns=0), START_NS + 5_000_000) == 5
    shell = an_exec(0)
    again = an_exec(8, argv=("x", "1"), parent=(shell.boot_ns, shell.pid))
    recording.write([again, *family(9, 3)], [], counts(11))
    with open_database(db) as other:
        assert pruned(other, Bounds(keep_ns=0), START_NS + 9_000_000) == 3
    recording.write(family(12, 3), [], counts(14))
    assert [e.argv for e in History(database).events(Filter())] == [
        ("true",),
        ("x", "10"),
        ("x", "11"),
        ("true",),
        ("x", "13"),
        ("x", "14"),
    ]
    assert orphans(database) == {}


@pytest.mark.parametrize("steps", range(1, 9))
def test_what_one_who_was_stopped_left_behind_goes_with_the_next(
    db: Path, database: Database, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 3)
    monkeypatch.setattr(unused_entries, "_SWEPT", 4)
    for life in range(3):
        recorded(database, family(life * 7, 7)).finish(START_NS, counts(7))
    cut_ns = START_NS + 14_000_000
    stopped = Retention(database, Bounds(keep_ns=0))
    for _ in range(steps):
        stopped.step(cut_ns)
    pruned(database, Bounds(keep_ns=0), cut_ns)
    assert len(list(History(database).events(Filter()))) == 7
    assert orphans(database) == {}


def test_a_bound_on_size_holds_while_recording(database: Database) -> None:
    limit = 10_000_000
    retention = Retention(database, Bounds(max_bytes=limit))
    recording = recorded(database, [])
    largest = 0
    for batch in range(0, 120_000, 2_000):
        execs = [an_exec(n, argv=("y" * 40, str(n))) for n in range(batch, batch + 2_000)]
        recording.write(execs, [], counts(0))
        retention.step(START_NS)
        largest = max(largest, on_disk(database))
    assert largest <= limit
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
    execs = [an_exec(n, argv=(f"{n} " + "z" * 200,)) for n in range(90_000)]
    recorded(database, execs)
    assert size_of(database).total > 20_000_000
    bounds = Bounds(max_bytes=10_000_000)
    guess = would_remove(database, bounds, START_NS)
    removed = pruned(database, bounds, START_NS)
    assert removed == pytest.approx(guess, rel=0.2)
    compact(database)
    assert on_disk(database) <= 10_000_000
    assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_it_is_behind_until_no_more_is_used_than_may_be(database: Database) -> None:
    bounds = Bounds(max_bytes=10_000_000)
    retention, room, steps = Retention(database, bounds), bounds.room_bytes or 0, 0
    recorded(database, [an_exec(n, argv=("y" * 40, str(n))) for n in range(120_003)])
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
    for batch in range(0, 100_000, 2_000):
        execs = [an_exec(n, argv=("y" * 200, str(n))) for n in range(batch, batch + 2_000)]
        recording.write(execs, [], counts(0))
    retention, took_s = Retention(database, Bounds(max_bytes=10_000_000)), [0.0]
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


def test_an_empty_history_can_be_pruned(database: Database) -> None:
    assert pruned(database, Bounds(keep_ns=0), START_NS) == 0


def test_no_row_gets_the_id_of_one_that_went(database: Database) -> None:
    """Its image may still run, have children and end."""
    recording = Recording(database, MACHINE, "0", START_NS)
    daemon, *others = family(0, 3)
    recording.write([daemon, *others], [], counts(3))
    assert pruned(database, Bounds(keep_ns=1), START_NS + HOUR_NS) == 3
    image = (daemon.boot_ns, daemon.pid)
    recording.write([an_exec(23), an_exec(29, parent=image)], [], counts(5))
    recording.write([], [End(daemon.boot_ns + HOUR_NS, image, 9)], counts(5))
    events = History(database).events(Filter())
    assert [(e.id, e.parent_id, e.ended) for e in events] == [(4, None, None), (5, 1, None)]


def test_no_later_run_gives_an_id_again_either(database: Database) -> None:
    Recording(database, MACHINE, "0", START_NS).write(family(0, 3), [], counts(3))
    assert pruned(database, Bounds(keep_ns=1), START_NS + HOUR_NS) == 3
    assert Recording(database, MACHINE, "0", START_NS).write([an_exec(23)], [], counts(1)) == [4]
