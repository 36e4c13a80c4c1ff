"""Room on the disk and in the WAL, with real readers."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.account import Cause
from execdb.store.file.database import Database
from execdb.store.limits.free_space import FreeSpace
from execdb.store.writing.recording import Recording
from tests.conftest import an_exec, counts, recorded

MIB = 1 << 20


@pytest.fixture
def recording(database: Database) -> Recording:
    database.wait_for_lock(0)
    return recorded(database, [an_exec()])


@pytest.fixture
def space(database: Database, recording: Recording) -> Iterator[FreeSpace]:
    with closing(FreeSpace(database, 0, wal_max_bytes=MIB)) as space:
        yield space


def grow(recording: Recording, wal: Path) -> None:
    """Writes until the WAL is beyond the limit."""
    number = 1
    while wal.stat().st_size <= MIB:
        recording.write([an_exec(n) for n in range(number, number + 503)], [], counts(0))
        number += 503


def test_a_reader_that_stays_blocks_the_wal_until_it_goes(
    db: Path, space: FreeSpace, recording: Recording
) -> None:
    wal = db.with_name(db.name + "-wal")
    with closing(sqlite3.connect(db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM image").fetchone()
        assert space.lack(0) is None
        grow(recording, wal)
        assert space.lack(1) is Cause.WAL_BLOCKED
        assert space.lack(5) is Cause.WAL_BLOCKED
        reader.execute("COMMIT")
        assert space.lack(5.5) is Cause.WAL_BLOCKED  # not tried so soon
    assert space.lack(7) is None
    assert wal.stat().st_size == 0


def test_a_wal_that_nobody_reads_is_emptied(
    db: Path, space: FreeSpace, recording: Recording
) -> None:
    wal = db.with_name(db.name + "-wal")
    grow(recording, wal)
    assert space.lack(1) is None
    assert wal.stat().st_size == 0


def test_free_space_is_what_others_than_root_may_use(
    database: Database, recording: Recording
) -> None:
    with closing(FreeSpace(database, 99.999)) as space:  # something is on every disk
        assert space.lack(0) is Cause.NO_SPACE
    with closing(FreeSpace(database, 0)) as space:
        assert space.lack(0) is None
