"""Checkpoints beside the writer, on real files, with real readers and writers."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.limits import checkpoint as module
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.free_space import FreeSpace
from tests.conftest import an_exec, counts, recorded

FRAME = 24 + 2_048  # bytes
LIMIT_PAGES = 97
LIMIT = LIMIT_PAGES * FRAME
PATIENCE_S = 60


class Desk:
    """A writer, its WAL, and the checkpoints of that."""

    def __init__(self, database: Database) -> None:
        database.connection.execute(f"PRAGMA wal_autocheckpoint = {LIMIT_PAGES}")
        self.database, self.recording = database, recorded(database, [an_exec()])
        self._wal = database.path.with_name(database.path.name + "-wal")
        self._number = 1
        self.checkpoints = Checkpointer(database, self.wal_bytes)

    def wal_bytes(self) -> int:
        return self._wal.stat().st_size

    def write(self) -> None:
        execs = [an_exec(self._number + n, argv=(str(self._number + n),)) for n in range(101)]
        self._number += len(execs)
        self.recording.write(execs, [], counts(0))

    def grow(self, to_bytes: int = LIMIT) -> None:
        for _ in range(997):
            if self.wal_bytes() >= to_bytes:
                return
            self.write()
        raise AssertionError("something else empties the WAL")

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Looks again and again, as a collector does, until it holds."""
        until_s = time.monotonic() + PATIENCE_S
        while not condition():
            self.checkpoints.poll()
            assert time.monotonic() < until_s
            time.sleep(0.01)

    def is_small(self) -> bool:
        return self.wal_bytes() < LIMIT


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    desk = Desk(database)
    with closing(desk.checkpoints):
        yield desk
    assert not any(thread.name == "checkpoints" for thread in threading.enumerate())


def test_checkpoints_are_done_by_the_thread_and_not_by_the_writer(desk: Desk) -> None:
    before = desk.database.path.stat().st_size
    desk.grow(3 * LIMIT)
    assert desk.database.path.stat().st_size == before
    desk.checkpoints.start()
    desk.wait_for(desk.is_small)
    assert desk.database.path.stat().st_size > before


def test_a_wal_below_the_limit_is_left_alone(desk: Desk) -> None:
    desk.checkpoints.start()
    desk.write()
    before = desk.wal_bytes()
    assert 0 < before < LIMIT
    for _ in range(11):
        desk.checkpoints.poll()
        time.sleep(0.01)
    assert desk.wal_bytes() == before


def test_there_are_checkpoints_again_and_again_while_it_is_written_to(desk: Desk) -> None:
    """Nothing in it is lost or comes twice."""
    desk.checkpoints.start()
    sizes, written, until_s = [desk.wal_bytes()], 0, time.monotonic() + PATIENCE_S
    while sum(after < before for before, after in pairwise(sizes)) < 5:
        desk.write()
        desk.checkpoints.poll()
        sizes.append(desk.wal_bytes())
        written += 101
        assert time.monotonic() < until_s
    with desk.database.reading() as connection:
        (found,) = connection.execute("SELECT count(*) FROM image WHERE id > 0").fetchone()
    assert found == 1 + written
    assert desk.database.check() is None


def test_the_first_to_write_to_an_empty_wal_is_not_the_recorder(desk: Desk) -> None:
    """For that write waits until the WAL's header is on the disk."""
    desk.grow()
    assert desk.checkpoints.checkpoint()
    assert desk.wal_bytes() == 32 + FRAME
    with desk.database.reading() as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x45584442,)


def test_a_reader_that_stays_is_waited_for(desk: Desk, db: Path) -> None:
    desk.checkpoints.start()
    with closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM image").fetchone()
        desk.grow()
        assert not desk.checkpoints.checkpoint()
        desk.checkpoints.poll()
        desk.write()
        assert not desk.is_small()
        reader.execute("COMMIT")
    desk.wait_for(desk.is_small)


def test_a_writer_that_stays_is_waited_for(desk: Desk, db: Path) -> None:
    desk.checkpoints.start()
    desk.grow()
    with closing(sqlite3.connect(db, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert not desk.checkpoints.checkpoint()
        desk.checkpoints.poll()
        writer.execute("COMMIT")
    desk.wait_for(desk.is_small)


def test_what_goes_wrong_reaches_the_recorder(desk: Desk) -> None:
    desk.checkpoints._database.close()
    desk.checkpoints.start()
    desk.grow()
    with pytest.raises(DatabaseError, match="closed database"):
        desk.wait_for(desk.is_small)


def test_ends_without_delay_though_a_reader_is_in_the_way(
    desk: Desk, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RETRY_S", 10 * PATIENCE_S)
    desk.checkpoints.start()
    with closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM image").fetchone()
        desk.grow()
        desk.checkpoints.poll()
        time.sleep(0.5)  # it has tried by now, and would again in a while
        began_s = time.monotonic()
        desk.checkpoints.close()
        assert time.monotonic() - began_s < PATIENCE_S


@pytest.mark.thorough
def test_ends_at_any_moment(database: Database) -> None:
    desk = Desk(database)
    desk.checkpoints.close()
    for n in range(101):
        desk.grow()
        checkpoints = Checkpointer(database, desk.wal_bytes)
        checkpoints.start()
        checkpoints.poll()
        time.sleep(n * 0.0001)
        closer = threading.Thread(target=checkpoints.close, daemon=True)
        closer.start()
        closer.join(PATIENCE_S)
        assert not closer.is_alive()


def test_space_waits_for_a_checkpoint_under_way(desk: Desk) -> None:
    """What the thread is doing is no reader in the way."""
    desk.checkpoints.start()
    with closing(FreeSpace(desk.database, 0, LIMIT, desk.checkpoints.checkpoint)) as space:
        for second in range(0, 100, 2):
            desk.grow(2 * LIMIT)
            desk.checkpoints.poll()
            time.sleep(0.001)
            assert space.lack(second) is None
            assert desk.wal_bytes() <= LIMIT


def test_a_recording_that_has_ended_leaves_nothing_in_the_wal(db: Path) -> None:
    with Database(db) as database:
        with closing(Desk(database).checkpoints) as checkpoints:
            checkpoints.start()
        assert database.checkpoint()
        assert db.with_name(db.name + "-wal").stat().st_size == 0
