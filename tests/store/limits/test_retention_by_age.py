"""Rows that are too old are removed with everything that only they need, and nothing else is."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.event import End
from execdb.store.file.database import Database, open_database
from execdb.store.ledger.missing_rows import missing_rows
from execdb.store.limits import retention, unused_entries
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.retention import Retention, would_remove
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.recording import Recording
from tests.conftest import MACHINE, START_NS, a_filter, an_exec, counts, recorded
from tests.store.limits.histories import (
    HOUR_NS,
    family,
    orphans,
    pruned,
    value_of,
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lives=st.lists(st.integers(1, 23), min_size=1, max_size=5),
    keep=st.integers(0, 130),
    step=st.integers(1, 13),
)
def test_what_is_older_is_removed_and_nothing_else(
    template: Path, lives: list[int], keep: int, step: int
) -> None:
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
                assert event in list(History(database).events(a_filter(pid=event.pid)))
            assert value_of(database, "PRAGMA integrity_check") == "ok"


def test_a_recorder_continues_after_its_own_rows_were_removed(db: Path, database: Database) -> None:
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
def test_what_an_interrupted_process_left_behind_is_removed_by_the_next(
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
        with database.reading() as connection:
            assert missing_rows(connection, all_segments=True) == []
    pruned(database, Bounds(keep_ns=0), cut_ns)
    assert len(list(History(database).events(Filter()))) == 7
    assert orphans(database) == {}


def test_an_empty_history_can_be_pruned(database: Database) -> None:
    assert pruned(database, Bounds(keep_ns=0), START_NS) == 0


def test_no_row_gets_the_id_of_a_removed_one(database: Database) -> None:
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
