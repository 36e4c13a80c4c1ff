"""Several connections to one file give what one gives, in the same order."""

import threading
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.overview import side_by_side
from execdb.store.overview.side_by_side import readers_of
from execdb.store.overview.statistics import statistics
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_exec, recorded

EXECS = 20_003  # more than two transactions of `statistics` read


def test_statistics_of_a_long_history_are_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(database, [an_exec(n, argv=("run", str(n % 7))) for n in range(EXECS)])
    history = History(database)
    alone = statistics(history, Filter(), ["comm"])
    monkeypatch.setattr(side_by_side, "_WORTH_ROWS", 1)
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda _: {0, 1, 2})
    assert statistics(history, Filter(), ["comm"]) == alone
    assert [group.runs for group in alone.values()] == [EXECS]


def test_parts_come_in_their_order_from_all_readers(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda _: {0, 1, 2})
    all_at_work = threading.Barrier(3)

    def read(reader: History, part: int) -> tuple[int, int]:
        if part < 3:
            all_at_work.wait(60)
        return id(reader), part

    with readers_of(History(database), 1_000_003) as readers:
        found = list(side_by_side.side_by_side(readers, read, range(23)))
    assert [part for _, part in found] == list(range(23))
    assert {reader for reader, _ in found[:3]} == {id(reader) for reader in readers}


@pytest.mark.parametrize(("rows", "cpus"), [(7, {0, 1}), (1_000_003, {5})])
def test_a_short_history_or_one_cpu_is_read_by_one(
    database: Database, monkeypatch: pytest.MonkeyPatch, rows: int, cpus: set[int]
) -> None:
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda _: cpus)
    history = History(database)
    with readers_of(history, rows) as readers:
        assert readers == [history]


def test_an_error_of_one_part_ends_all(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda _: {0, 1})
    threads, done = threading.active_count(), list[int]()

    def read(reader: History, part: int) -> int:
        if part == 3:
            raise ValueError("three")
        done.append(part)
        return part

    with (
        open_database(db) as database,
        readers_of(History(database), 1_000_003) as readers,
        pytest.raises(ValueError, match="three"),
    ):
        list(side_by_side.side_by_side(readers, read, range(1_000_003)))
    assert len(done) < 100
    assert threading.active_count() == threads


def test_another_file_under_the_same_name_is_not_mixed_in(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side_by_side.os, "sched_getaffinity", lambda _: {0, 1})
    history = History(database)
    database.path.rename(database.path.with_name("moved.db"))
    open_database(database.path, create=True).close()
    with (
        pytest.raises(DatabaseError, match="was replaced"),
        readers_of(history, 1_000_003),
    ):
        raise AssertionError("it read another file")
