"""A simulated machine of many CPUs: what becomes of its execs, and of those that find no room."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.bench.ceiling import dump
from tests.bench.ceiling.compare import is_said
from tests.bench.ceiling.machine import Load, compiled
from tests.bench.ceiling.recording import Recorded, record

CPUS = 5


def recorded(folder: Path, rate: int, execs: int, pages: int) -> tuple[Recorded, Load]:
    dump.write(folder / "dump", 997, CPUS, unlike=True)
    load = Load(folder / "dump", rate, execs)
    return record(compiled(folder), load, CPUS, pages, folder / "a.db"), load


def test_what_finds_no_room_in_a_ring_is_counted_and_said(tmp_path: Path) -> None:
    found, load = recorded(tmp_path, 0, 50_021, pages=1)
    assert found.lost > 0
    assert found.kept > 0
    assert is_said(found, load, tmp_path / "a.db")
    assert not is_said(replace(found, warnings=[]), load, tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.execute("UPDATE loss SET lost = lost - 1 WHERE number = 1")
        connection.commit()
    assert not is_said(found, load, tmp_path / "a.db")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything was stored, of four laps of the dump."""
    folder = tmp_path_factory.mktemp("ceiling")
    found, load = recorded(folder, 4_001, 4 * 997, pages=512)
    assert (found.lost, found.kept) == (0, 4 * 997)
    assert is_said(found, load, folder / "a.db")
    return folder / "a.db"


def test_each_exec_is_another_one_with_its_own_end(whole: Path) -> None:
    with closing(sqlite3.connect(whole)) as connection:
        lines, ended, since, until = connection.execute(
            "SELECT count(DISTINCT argv), count(duration_ns), min(duration_ns), max(duration_ns)"
            " FROM execs"
        ).fetchone()
    assert lines == 4 * 997
    assert 3 * 997 < ended <= 4 * 997  # the ends of the last lap may not have come
    assert 0 < since <= until < 2_000_000_000


def test_parents_are_those_of_the_trace(whole: Path) -> None:
    with closing(sqlite3.connect(whole)) as connection:
        found = connection.execute(
            "SELECT count(*) FROM execs AS child JOIN execs AS parent"
            " ON parent.id = child.parent_id WHERE parent.pid = child.ppid"
        ).fetchone()
        known = connection.execute("SELECT count(parent_id) FROM execs").fetchone()
    assert found == known
    assert found[0] > 997
