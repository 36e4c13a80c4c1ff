"""The database's side of a recording: opened, locked, checked, and kept within its limits."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from execdb import __version__
from execdb.cli.output.escape import escape
from execdb.cli.output.streams import say
from execdb.cli.session.messages import warn
from execdb.cli.session.options import RecordOptions
from execdb.collector.clock import Clock
from execdb.collector.own_process.bus_error import end_with
from execdb.store.errors import DatabaseDamaged, DatabaseError, DatabaseOutdated
from execdb.store.event import text_of
from execdb.store.file.database import Database, open_database
from execdb.store.file.locks.collector_lock import CollectorLock
from execdb.store.integrity.file_changes import FileChanges
from execdb.store.integrity.file_integrity import FileIntegrity
from execdb.store.ledger.missing_rows import missing_rows
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.excess import Excess
from execdb.store.limits.free_space import FreeSpace
from execdb.store.limits.retention import Retention
from execdb.store.writing.recording import Machine, Recording

_STEPS = 8  # of retention between two drains: rows may be deleted as fast as they come
_TIDY_S = 0.02  # after which no further step begins: meanwhile the rings fill
_LOCK_MS = 30  # how long to wait for another program's lock: meanwhile the rings fill


@dataclass(frozen=True)
class DatabaseSide:
    """An open database that is recorded to."""

    database: Database
    lock: CollectorLock
    recording: Recording
    integrity: FileIntegrity
    checkpoints: Checkpointer
    retention: Retention
    room: FreeSpace
    changes: FileChanges

    def change(self, options: RecordOptions) -> None:
        """From now on the limits are these. Raises DatabaseError."""
        bounds = options.bounds
        self.recording.keep_small(bounds.max_bytes)
        self.room.change(options.min_free_percent, bounds.wal_max_bytes)
        self.retention.change(bounds)

    def problem(self) -> str | None:
        """A sentence if the files are not what they were; see `FileIntegrity.problem`."""
        problem = self.integrity.problem()
        self.changes.unchecked = self.integrity.in_doubt
        return problem

    def tidy(self, now_ns: int) -> bool:
        """Takes some milliseconds, more while old rows must be deleted. `now_ns` is the time of
        day. Returns whether there is more to do. Raises DatabaseRefused."""
        self.checkpoints.poll()
        until_s = time.monotonic() + _TIDY_S
        done = self.retention.excess < Excess.SOME
        for _ in range(_STEPS):
            if self.room.wal_is_full():  # what is removed would make it longer
                break
            done = self.retention.step(now_ns) is None
            late = time.monotonic() > until_s and self.retention.excess < Excess.MUCH
            if done or late or self.retention.excess < Excess.SOME:
                break
        return not done


def open_database_side(
    options: RecordOptions, database: Database, clock: Clock, stack: contextlib.ExitStack
) -> DatabaseSide:
    """Begins a run in an open database; `stack` closes what was opened. Raises DatabaseError,
    RecordingError if another collector records to it."""
    bounds = options.bounds
    lock = stack.enter_context(contextlib.closing(CollectorLock(options.path)))
    _warn_of_missing_rows(database)
    recording = Recording(database, this_machine(), __version__, clock.wall_ns())
    recording.keep_small(bounds.max_bytes)
    end_with(escape(f"execdb: {database.real}-shm was truncated while recording: start again"), 1)
    integrity = FileIntegrity(database, lock.problem)
    stack.enter_context(contextlib.closing(integrity))
    database.wait_for_lock(_LOCK_MS)
    checkpoints = stack.enter_context(
        contextlib.closing(Checkpointer(database, integrity.wal_bytes))
    )
    room = FreeSpace(
        database, options.min_free_percent, bounds.wal_max_bytes, checkpoints.checkpoint
    )
    stack.enter_context(contextlib.closing(room))
    retention = Retention(database, bounds, integrity.wal_bytes)
    changes = stack.enter_context(contextlib.closing(FileChanges(database)))
    return DatabaseSide(database, lock, recording, integrity, checkpoints, retention, room, changes)


def open_current(path: Path) -> Database:
    """Upgrades a database of an older execdb first."""
    try:
        return open_database(path, create=True)
    except DatabaseOutdated:
        _upgrade(path)
    return open_database(path, create=True)


def _upgrade(path: Path) -> None:
    """In a process of its own: this one would keep the memory that Alembic takes. Raises
    DatabaseError with what that process said last."""
    done = subprocess.run(
        [sys.executable, "-I", "-m", "execdb", f"--db={path}", "upgrade"],
        env={**os.environ, "EXECDB_OPTIONS": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
    )
    for line in done.stdout.splitlines():
        say(line)
    if done.returncode:
        *_, why = ["execdb upgrade was interrupted", *done.stderr.splitlines()]
        raise DatabaseError(why.removeprefix("execdb: "))


def this_machine() -> Machine:
    """The host, boot and kernel that a run is of. Raises OSError without /proc."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    host = text_of(os.fsencode(os.uname().nodename))  # a host name may be any bytes
    return Machine(host=host, boot_id=boot_id, kernel=os.uname().release)


def _warn_of_missing_rows(database: Database) -> None:
    """Checks what can be checked quickly. Raises DatabaseDamaged: nothing should be added to it."""
    try:
        with database.reading() as connection:
            found = missing_rows(connection, all_segments=False)
    except DatabaseDamaged:
        raise
    except DatabaseError as error:  # no reason not to record
        found = [str(error)]
    for sentence in found[:1]:
        warn(f"{sentence}: run execdb doctor")
