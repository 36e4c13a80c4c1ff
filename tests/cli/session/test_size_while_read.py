"""A bound on size holds while a reader stays in its snapshot: then no checkpoint empties the WAL,
and everything that is removed makes it longer."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from execdb.cli.session.database_side import DatabaseSide
from execdb.collector.backlog import Backlog
from execdb.collector.decoding.decoder import EXEC_BYTES, Decoded
from execdb.store.file.database import open_database
from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.integrity.file_changes import FileChanges
from execdb.store.integrity.file_integrity import FileIntegrity
from execdb.store.limits.bounds import MAX_BYTES_MIN, Bounds
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.free_space import FreeSpace
from execdb.store.limits.retention import Retention
from tests.conftest import START_NS, an_exec, counts, recorded

BOUNDS = Bounds(max_bytes=MAX_BYTES_MIN)
ROUNDS = 37
Part = TypeVar("Part", CollectorLock, FileIntegrity, Checkpointer, FreeSpace, FileChanges)


@pytest.fixture
def side(own_database: Path) -> Iterator[DatabaseSide]:
    with contextlib.ExitStack() as stack:

        def kept(part: Part) -> Part:
            return stack.enter_context(closing(part))

        database = stack.enter_context(open_database(own_database, create=True))
        recording = recorded(database, [])
        recording.keep_small(BOUNDS.max_bytes)
        lock = kept(CollectorLock(own_database))
        integrity = kept(FileIntegrity(database, lock.problem))
        checkpoints = kept(Checkpointer(database, integrity.wal_bytes))
        room = kept(FreeSpace(database, 0, BOUNDS.wal_max_bytes, checkpoints.checkpoint))
        retention = Retention(database, BOUNDS, integrity.wal_bytes)
        changes = kept(FileChanges(database))
        yield DatabaseSide(
            database, lock, recording, integrity, checkpoints, retention, room, changes
        )


def on_disk(side: DatabaseSide) -> int:
    real = side.database.real
    return sum(os.path.getsize(f"{real}{suffix}") for suffix in ("", "-wal"))


def store_some(side: DatabaseSide, backlog: Backlog, number: int, argument_bytes: int) -> None:
    """As much as is stored at once."""
    numbers = range(number * BOUNDS.batch_max, (number + 1) * BOUNDS.batch_max)
    execs = [an_exec(n, argv=("x", f"{n:0{argument_bytes + n % 199}}")) for n in numbers]
    backlog.add(Decoded(execs, [], 0), len(execs) * (EXEC_BYTES + argument_bytes))
    batch = backlog.batch(1 << 62)
    side.recording.write(batch.execs, [], counts(0))
    while backlog.execs:
        backlog.stored(backlog.batch(1 << 62))


@pytest.mark.parametrize("argument_bytes", [307, 809])
def test_the_file_stays_within_its_size_while_it_is_read(
    side: DatabaseSide, argument_bytes: int
) -> None:
    backlog, largest, blocked = Backlog(BOUNDS.batch_max), 0, 0
    with closing(sqlite3.connect(side.database.path, isolation_level=None)) as reader:
        for number in range(ROUNDS):
            if side.room.lack(number * 2.0) is None:
                store_some(side, backlog, number, argument_bytes)
            else:
                blocked += 1
            largest = max(largest, on_disk(side))
            side.tidy(START_NS)
            largest = max(largest, on_disk(side))
            if not reader.in_transaction and largest > 7_000_000:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM image").fetchone()
    assert blocked > 5
    assert largest <= MAX_BYTES_MIN
