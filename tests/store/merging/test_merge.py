"""import FILE.db: a whole file of another collector becomes a part of this one."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from execdb.store.account import Counts, Loss
from execdb.store.config.table import ConfigTable
from execdb.store.errors import DatabaseError
from execdb.store.event import Exec
from execdb.store.fields import FIELDS
from execdb.store.file.database import open_database
from execdb.store.ledger.missing_rows import missing_rows
from execdb.store.ledger.read_coverage import read_coverages
from execdb.store.limits.removal import oldest_segment, remove_rows
from execdb.store.merging.merge import Merge, merge_file
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.writing.marks import Mark, add_mark, read_marks
from execdb.store.writing.recording import Machine
from tests.central.stores import Recorder, an_end, some_execs
from tests.conftest import START_NS, an_exec

OTHER = Machine("web1", "0b7c7c5e-0000-4000-8000-00000000000b", "6.1.0")


@pytest.fixture
def other(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path / "web1.db", OTHER)


def merge(path: Path, other: Path, pause: Callable[[], None] | None = None) -> Merge:
    with open_database(other) as source, open_database(path, create=True) as database:
        return merge_file(database, source, pause)


def events(path: Path, host: str | None = None) -> list[dict[str, Any]]:
    """Without ids, which are others here; the parent as what it was."""
    with open_database(path) as database:
        history = History(database)
        found = {event.id: event for event in history.events(Filter())}
        seen = sqlite3.connect(path).execute("SELECT id, time_ns, pid FROM seen").fetchall()
    of_id = {id_: (event.time_ns, event.pid) for id_, event in found.items()}
    of_id |= {id_: (time_ns, pid) for id_, time_ns, pid in seen}
    return sorted(
        (
            {
                field.name: getattr(event, field.name)
                for field in FIELDS
                if field.name not in ("id", "run_id", "parent_id")
            }
            | {"parent": of_id.get(event.parent_id or 0)}
            for event in found.values()
            if host in (None, event.host)
        ),
        key=lambda event: (event["time_ns"], event["pid"]),
    )


def rows(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def with_parents(execs: list[Exec]) -> list[Exec]:
    """Each one started by the one before it."""
    parents = [None, *((each.boot_ns, each.pid) for each in execs)]
    return [each._replace(parent=parent) for each, parent in zip(execs, parents, strict=False)]


def assert_whole(path: Path) -> None:
    with open_database(path) as database, database.reading() as connection:
        assert missing_rows(connection, all_segments=True) == []


def test_all_of_a_file_arrives(own_database: Path, other: Recorder, tmp_path: Path) -> None:
    own = Recorder(own_database)
    own.write(some_execs(7, first=500))
    own.finish()
    before = some_execs(5)
    other.recording.know(before)
    execs = with_parents(some_execs(53, first=10))
    execs[0] = execs[0]._replace(parent=(before[2].boot_ns, before[2].pid))
    execs[20] = execs[20]._replace(errno="ENOENT", parent=None)
    execs[21] = execs[21]._replace(parent=None)
    losses = [Loss(1, "ring full", START_NS, START_NS + 5, 7)]
    other.write(execs, [an_end(each) for each in execs[:11]], losses=losses, lost=7)
    add_mark(other.database, Mark(START_NS, 0, "deploy"))
    ConfigTable(other.database).set(501, "Hi user 501!")
    other.finish()
    path = other.database.path
    done = merge(own_database, path)
    assert (done.tally.added, done.tally.known, done.tally.orphans) == (53, 0, 0)
    assert (done.hosts, done.runs, done.own, done.marks) == (("web1",), 1, 0, 1)
    assert events(own_database, "web1") == events(path)
    for view, columns in (
        ("runs", "host, boot_id, started_ns, ended_ns, ended, seen, stored, lost, pruned"),
        ("losses", "host, cause, from_ns, to_ns, lost"),
        ("marks", "host, time_ns, text"),
        ("config_log", "host, generation, time_ns, action, subject, after"),
        ("seen", "host, time_ns, pid, argv"),
    ):
        sql = f"SELECT {columns} FROM {view}"
        assert set(rows(path, sql)) <= set(rows(own_database, sql)), view
        assert rows(path, sql) != []
    with open_database(own_database) as database, database.reading() as connection:
        assert [mark.text for mark in read_marks(connection)] == ["deploy"]
    assert_whole(own_database)


def test_twice_adds_nothing_and_a_later_copy_what_is_new(
    own_database: Path, other: Recorder, tmp_path: Path
) -> None:
    before, execs = some_execs(3), with_parents(some_execs(5_003, first=10))
    other.recording.know(before)
    for part in range(0, 4_000, 1_000):
        other.write(execs[part : part + 1_000])
    path = other.database.path
    assert merge(own_database, path).tally.added == 4_000
    again = merge(own_database, path)
    assert again.tally == (0, 4_000, 0, 0)
    assert (again.marks, again.changes) == (0, 0)
    older = tmp_path / "older.db"
    shutil.copy(path, older)
    shutil.copy(f"{path}-wal", f"{older}-wal")
    other.write(execs[4_000:], [an_end(each) for each in (*before[:2], *execs[:7])])
    other.finish()
    later = merge(own_database, path)
    assert later.tally == (1_003, 4_000, 9, 0)
    assert merge(own_database, older).tally.added == 0  # does not turn it back
    assert events(own_database) == events(path)
    ended = "SELECT ended, seen, stored, pruned FROM runs"
    assert rows(own_database, ended) == rows(path, ended) == [("clean", 5_003, 5_003, 0)]
    exits = "SELECT count(*) FROM seen WHERE ended = 'exit'"
    assert rows(own_database, exits) == [(2,)]
    assert_whole(own_database)


def test_what_was_pruned_there_counts_as_pruned_here(own_database: Path, other: Recorder) -> None:
    other.write(some_execs(997))
    with other.database.writing() as connection:
        segment = oldest_segment(connection)
        assert segment is not None
        remove_rows(connection, segment, [(1, 101)])
    merge(own_database, other.database.path)
    assert rows(own_database, "SELECT stored, pruned FROM runs") == [(997, 101)]
    assert_whole(own_database)
    with open_database(own_database) as database, database.writing() as connection:
        segment = oldest_segment(connection)
        assert segment is not None
        remove_rows(connection, segment, [(segment.first_id, segment.first_id + 9)])
    merge(own_database, other.database.path)  # brings them back
    assert rows(own_database, "SELECT stored, pruned FROM runs") == [(997, 101)]
    assert_whole(own_database)


def test_two_collectors_of_one_machine_are_recognised(own_database: Path, tmp_path: Path) -> None:
    one, two = Recorder(own_database), Recorder(tmp_path / "two.db")
    execs = some_execs(53)
    one.write(execs)
    later = [each._replace(boot_ns=each.boot_ns + 7_000, time_ns=each.time_ns + 7_100)
             for each in execs[13:]]  # fmt: skip
    two.write(later + some_execs(3, first=1_000))
    done = merge(own_database, two.database.path)
    assert (done.tally.added, done.twice) == (43, 40)
    assert merge(own_database, two.database.path).twice == 40


def test_a_copy_of_this_file_adds_nothing(own_database: Path, tmp_path: Path) -> None:
    own = Recorder(own_database)
    own.write(some_execs(31))
    own.finish()
    copy = tmp_path / "copy.db"
    shutil.copy(own_database, copy)
    done = merge(own_database, copy)
    assert (done.tally.added, done.own, done.runs) == (0, 1, 0)
    assert len(events(own_database)) == 31
    with pytest.raises(DatabaseError, match="is the database itself"):
        merge(own_database, own_database)


def test_a_merged_file_can_be_merged_on(
    own_database: Path, other: Recorder, tmp_path: Path
) -> None:
    other.write(some_execs(23))
    add_mark(other.database, Mark(START_NS, 0, "deploy"))
    between = tmp_path / "between.db"
    merge(between, other.database.path)
    merge(own_database, between)
    assert events(own_database) == events(other.database.path)
    assert merge(own_database, other.database.path).tally.added == 0
    assert rows(own_database, "SELECT host, text FROM marks") == [("web1", "deploy")]


def test_beside_a_collector_it_pauses(
    own_database: Path, other: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execdb.store.merging.merge._SLICE_S", 0)
    own = Recorder(own_database)
    own.write(some_execs(7, first=10_000))
    other.write(with_parents(some_execs(5_003)))
    pauses: list[int] = []

    def pause() -> None:
        own.write(some_execs(1, first=20_000 + len(pauses)))
        pauses.append(len(pauses))

    merge(own_database, other.database.path, pause)
    assert pauses
    assert events(own_database, "web1") == events(other.database.path)
    own.finish()
    assert_whole(own_database)


def test_a_run_that_has_not_ended_is_no_crash_of_the_local_collector(
    own_database: Path, other: Recorder
) -> None:
    other.write(some_execs(3))
    merge(own_database, other.database.path)
    Recorder(own_database).close()  # a collector starts: what it finds open has crashed
    ended = rows(own_database, "SELECT host, ended FROM runs ORDER BY run_id")
    assert ended == [("web1", None), ("workshop", None)]


def test_coverage_is_told_of_each_machine(own_database: Path, other: Recorder) -> None:
    own = Recorder(own_database)
    own.write([an_exec(1)])
    own.recording.finish(START_NS + 10**9, Counts(1, 1, 0, 0))
    own.database.close()
    other.write([an_exec(2)], losses=[Loss(1, "ring full", START_NS, START_NS + 5, 7)], lost=7)
    other.finish()
    with open_database(own_database) as database:
        (alone,) = read_coverages(database, START_NS, recording=False)
        assert alone.host is None
    merge(own_database, other.database.path)
    with open_database(own_database) as database:
        first, second = read_coverages(database, START_NS, recording=False)
    assert (first.host, second.host) == ("workshop", "web1")
    assert [run.recorded for run in first.runs] == [[(START_NS, START_NS + 10**9)]]
    assert [run.recorded for run in second.runs] == [[(START_NS, START_NS + 10**12)]]
    assert (first.losses, [loss.lost for loss in second.losses]) == ([], [7])
