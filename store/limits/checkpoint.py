"""Taking up the WAL beside whoever records, in a thread and on a connection of its own.

SQLite would have the commit that finds the WAL too large move it into the file and wait for the
disk, for hundreds of milliseconds where others keep that busy; rings overflow meanwhile.
"""

import sqlite3
import threading
from collections.abc import Callable

from execdb.store.errors import DatabaseBusy, DatabaseError, DatabaseRefused
from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.file.sqlite_errors import told
from execdb.store.schema.constants import APPLICATION_ID

_PATIENCE_MS = 300  # with a reader in the way; nobody can write meanwhile
_RETRY_S = 1.0  # how soon it is tried again where someone was, or the disk has refused
_FRAME_BYTES = 24  # of the WAL for each page, beside the page (sqlite.org/walformat.html)


class Checkpointer:
    """Takes over the automatic checkpoints of a connection, with its limit; `wal_bytes` tells the
    size of the WAL. Opens all its files at once, so that privileges can be dropped between
    construction and `start`: a thread keeps those it began with. Raises DatabaseError."""

    def __init__(self, database: Database, wal_bytes: Callable[[], int]) -> None:
        pages = int(scalar(database.connection, "PRAGMA wal_autocheckpoint"))
        page_bytes = int(scalar(database.connection, "PRAGMA page_size"))
        self._limit_bytes = pages * (page_bytes + _FRAME_BYTES)
        self._wal_bytes = wal_bytes
        self._database = Database(database.real, busy_ms=_PATIENCE_MS)
        if self._database.inode != database.inode:
            self._database.close()
            raise DatabaseError(f"{database.path} was replaced while it was opened: try again")
        with self._database.reading() as connection:  # opens the WAL
            scalar(connection, "SELECT count(*) FROM sqlite_schema")
        database.connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._wanted, self._ending = threading.Event(), threading.Event()
        self._at_it = threading.Lock()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def look(self) -> None:
        """Has the WAL taken up if it is large; to be called again and again. Costs a microsecond.
        Raises what has gone wrong meanwhile and will not be better later."""
        if self._error is not None:
            raise self._error
        if self._wal_bytes() >= self._limit_bytes:
            self._wanted.set()

    def take_up(self) -> bool:
        """Takes it up at once, after what the thread is doing; False if someone else is in the
        way. Raises DatabaseError."""
        with self._at_it:
            return self._take_up()

    def close(self) -> None:
        """Waits for the end of a checkpoint."""
        self._ending.set()
        self._wanted.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._database.close()

    def _work(self) -> None:
        while not self._ending.is_set():  # set before the last wish: `clear` hides that one
            self._wanted.wait()
            if self._ending.is_set():
                return
            try:
                done = self.take_up()
            except DatabaseRefused:
                done = False  # the next commit meets it, too
            except BaseException as error:  # for `look`: nobody else would hear of it
                self._error = error
                return
            if not done:
                self._ending.wait(_RETRY_S)
            self._wanted.clear()

    def _take_up(self) -> bool:
        try:
            connection = self._database.connection
            # Most of it while others go on writing, then the rest while they wait.
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if not self._database.take_up_wal():
                return False
            # The first to write to an emptied WAL waits until its header is on the disk: this one.
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        except sqlite3.DatabaseError as error:
            refused = told(self._database.path, error)
            if not isinstance(refused, DatabaseBusy):
                raise refused from error
        return True
