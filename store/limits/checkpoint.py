"""Checkpoints of the WAL beside the recorder, in a thread and on a connection of their own.

By default SQLite makes the commit that finds the WAL too large copy it into the file. That waits
for the disk, for hundreds of milliseconds if it is busy, and rings overflow meanwhile.
"""

import sqlite3
import threading
from collections.abc import Callable

from execdb.store.errors import DatabaseBusy, DatabaseError, DatabaseRefused
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.sqlite_errors import as_database_error
from execdb.store.schema.constants import APPLICATION_ID

_BUSY_MS = 300  # how long it waits for a reader; nobody can write meanwhile
_RETRY_S = 1.0  # until the next attempt, after a reader was in the way or the disk refused
_FRAME_BYTES = 24  # header of each page in the WAL (sqlite.org/walformat.html)


class Checkpointer:
    """Replaces the automatic checkpoints of a connection, with the same limit; `wal_bytes` returns
    the size of the WAL. The constructor opens all files, so that privileges can be dropped before
    `start`: a thread keeps those that it began with. Raises DatabaseError."""

    def __init__(self, database: Database, wal_bytes: Callable[[], int]) -> None:
        pages = int(scalar(database.connection, "PRAGMA wal_autocheckpoint"))
        page_bytes = int(scalar(database.connection, "PRAGMA page_size"))
        self._limit_bytes = pages * (page_bytes + _FRAME_BYTES)
        self._wal_bytes = wal_bytes
        self._database = Database(database.real, busy_ms=_BUSY_MS)
        if self._database.inode != database.inode:
            self._database.close()
            raise DatabaseError(f"{database.path} was replaced while it was opened: try again")
        with self._database.reading() as connection:  # opens the WAL
            scalar(connection, "SELECT count(*) FROM sqlite_schema")
        database.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._requested, self._ending = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poll(self) -> None:
        """Requests a checkpoint if the WAL is large. Call it often: it takes a microsecond. Raises
        the error that has ended the thread, if there was one."""
        if self._error is not None:
            raise self._error
        if self._wal_bytes() >= self._limit_bytes:
            self._requested.set()

    def checkpoint(self) -> bool:
        """Empties the WAL at once, after a checkpoint of the thread that has begun; False if
        another program is in the way. Raises DatabaseError."""
        with self._lock:
            return self._checkpoint()

    def close(self) -> None:
        """Waits for the end of a checkpoint that has begun."""
        self._ending.set()
        self._requested.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._database.close()

    def _work(self) -> None:
        while not self._ending.is_set():  # set before the last request, which `clear` may hide
            self._requested.wait()
            if self._ending.is_set():
                return
            try:
                done = self.checkpoint()
            except DatabaseRefused:
                done = False  # the next commit fails as well, and is reported
            except BaseException as error:  # reported by `poll`
                self._error = error
                return
            if not done:
                self._ending.wait(_RETRY_S)
            self._requested.clear()

    def _checkpoint(self) -> bool:
        try:
            connection = self._database.connection
            # Most of it while others continue to write, then the rest while they wait.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if not self._database.checkpoint():
                return False
            # The first write to an empty WAL waits until its header is on the disk: do it here.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except sqlite3.DatabaseError as error:
            refused = as_database_error(self._database.path, error)
            if not isinstance(refused, DatabaseBusy):
                raise refused from error
        return True
