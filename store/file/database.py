"""One SQLite file: opened with care, read and written in transactions."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType

from execdb.store.errors import DatabaseError
from execdb.store.file.copies.beside import newest_copy
from execdb.store.file.create import NEW, make, prepare
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.locks.write_lock import begin_to_write
from execdb.store.file.path import real_path, resolve
from execdb.store.file.private_files import private_files
from execdb.store.file.safe_files import make_file
from execdb.store.file.side_files import check_beside, mode_for
from execdb.store.file.sql import scalar
from execdb.store.file.sqlite_errors import VALUE_MAX, database_errors
from execdb.store.schema.constants import APPLICATION_ID, WAL_MODE
from execdb.store.schema.revision import SchemaOf, check_revision, verified_revision

_BUSY_MS = 5_000
WAL_PAGES = 8_000
_ABANDONED: list[Connection] = []  # never collected: that would close the connection
_WAL_KEPT_BYTES = 64 << 20  # if a slow reader made the WAL longer, the rest is given back


class Database:
    """An open `connection`. `reading()` and `writing()` are its transactions.

    Use `open_database` unless the schema does not matter. Raises DatabaseError.
    """

    def __init__(self, path: Path, *, create: bool = False, busy_ms: int = _BUSY_MS) -> None:
        self.path = path
        self.real = real_path(path)  # SQLite keeps its files beside this one
        self.abandoned = False
        self._busy_ms = busy_ms
        self._held = False  # within `snapshot`
        self._schema: int | None = None  # SQLite's number of the schema that was verified
        self._older: SchemaOf | None = None
        self._resolved = resolve(path)
        if create:
            make_file(path)
        with acting_for(self._resolved):
            self._file = Descriptor(self.real)
            try:
                check_beside(self.real, self._file)
                self._connect(mode_for(self.real, self._file), NEW if create else (), busy_ms)
            except BaseException:
                self._file.close()
                raise

    def _connect(self, mode: str, first: Sequence[str], busy_ms: int) -> None:
        with database_errors(self.path), private_files():
            self.connection = sqlite3.connect(
                f"{self.real.as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,  # transactions are begun below, by name
                check_same_thread=False,
            )
            if not self._file.is_at(self.real):
                self.connection.close()
                raise DatabaseError(f"{self.path} was replaced while it was opened: try again")
            self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX)
            for pragma in (
                *first,
                f"busy_timeout = {busy_ms}",
                "trusted_schema = OFF",  # the file may come from anywhere
                "cell_size_check = ON",
                "synchronous = NORMAL",
                f"wal_autocheckpoint = {WAL_PAGES}",  # each checkpoint costs the writer time
                f"journal_size_limit = {_WAL_KEPT_BYTES}",
                "temp_store = MEMORY",
                "cache_size = -1000",  # KiB; writing needs the ends of a few trees, no more
                "schema_version",  # opens the files beside it
            ):
                self.connection.execute(f"PRAGMA {pragma}")

    def __enter__(self) -> "Database":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def inode(self) -> tuple[int, int]:
        """Device and number of the file."""
        return self._file.inode

    @property
    def is_held(self) -> bool:
        """Whether this is within `snapshot`."""
        return self._held

    def is_there(self) -> bool:
        """Whether the file still has the name under which it was opened."""
        return self._file.is_at(self.real)

    def close(self) -> None:
        if self.abandoned or self._file.closed:
            return
        # What was committed is safe either way. The last connection removes the WAL and its index.
        with contextlib.suppress(sqlite3.Error, DatabaseError), acting_for(self._resolved):
            if self._file.others_read():  # they can open the database only while these exist
                self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                with self._file.shared():
                    self.connection.close()
        with contextlib.suppress(DatabaseError), acting_for(self._resolved):
            self.connection.close()
        self._file.close()

    def abandon(self) -> None:
        """Stops using the file, without the checkpoint that `close` would make. The connection
        stays open until the process ends."""
        self.abandoned = True
        _ABANDONED.append(self.connection)

    @contextlib.contextmanager
    def _transaction(self, *, writes: bool = False) -> Iterator[Connection]:
        if self.abandoned:
            raise DatabaseError(f"{self.path} is not the file that was opened")
        if self._file.closed:
            raise DatabaseError(f"{self.path} was closed")
        with database_errors(self.path):
            if writes:
                begin_to_write(self.connection, self._busy_ms)
            else:
                self.connection.execute("BEGIN")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self.connection.execute("ROLLBACK")
                raise

    def reading(self) -> contextlib.AbstractContextManager[Connection]:
        """A snapshot. Keep it short: while it lasts, no checkpoint can empty the WAL."""
        if self._held:
            return contextlib.nullcontext(self.connection)
        return self._transaction()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Inside, whatever is read is of one moment. The WAL grows meanwhile."""
        with self._transaction():
            self._held = True
            try:
                yield
            finally:
                self._held = False

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Committed at the end, rolled back on an exception. Raises DatabaseError if, since
        `verify_schema`, someone has added to the schema what would run when we write."""
        with self._transaction(writes=True) as connection:
            if self._schema not in (None, scalar(connection, "PRAGMA schema_version")):
                self.verify_schema_again(connection)
            yield connection

    def verify_schema(self, older: SchemaOf | None = None) -> str | None:
        """The revision, None in an empty database: see `verified_revision`. From here on the schema
        is checked again whenever another program has changed it. Raises DatabaseError."""
        self._older = older
        with self.reading() as connection:
            return self.verify_schema_again(connection)

    def verify_schema_again(self, connection: Connection) -> str | None:
        """The same within a transaction."""
        found = verified_revision(connection, self._older)
        self._schema = int(scalar(connection, "PRAGMA schema_version"))
        return found

    def wait_for_lock(self, busy_ms: int) -> None:
        """Sets how long a transaction waits for another program, in milliseconds."""
        self._busy_ms = busy_ms
        self.connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")

    def use_wal(self) -> None:
        """Restores what copies and dumps of a database lose: WAL mode and the application id.
        Raises DatabaseError."""
        with database_errors(self.path), acting_for(self._resolved):
            if self._file.read(2, 18) != WAL_MODE:
                # Otherwise SQLite would make a journal for this, and follow a link at its name.
                self.connection.execute("PRAGMA journal_mode = MEMORY").fetchone()
                mode = scalar(self.connection, "PRAGMA journal_mode = WAL")
                if mode != "wal":
                    raise DatabaseError(f"{self.path} cannot be put into WAL mode: it is {mode}")
            if scalar(self.connection, "PRAGMA application_id") != APPLICATION_ID:
                self.connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")

    def checkpoint(self) -> bool:
        """Moves the contents of the WAL into the file and empties the WAL; False if another
        program is in the way. The last connection does so by itself if it may remove the WAL."""
        with database_errors(self.path):
            return not scalar(self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self, pages: int) -> None:
        """Returns up to so many free pages to the file system."""
        with database_errors(self.path):
            # execute() would stop after the first page: it takes the PRAGMA for a single step.
            self.connection.executescript(f"PRAGMA incremental_vacuum({pages:d})")

    def data_version(self) -> int:
        """Changes when another connection has committed something; costs microseconds."""
        return int(scalar(self.connection, "PRAGMA data_version"))

    def version(self) -> tuple[int, int]:
        """Changes when any connection, also this one, has written something."""
        return self.data_version(), self.connection.total_changes

    def check(self) -> str | None:
        """What SQLite's own check finds wrong with the file, None if nothing."""
        with self.reading() as connection:
            found = scalar(connection, "PRAGMA quick_check(1)")
        return None if found == "ok" else str(found)


def open_database(path: Path, *, create: bool = False, busy_ms: int = _BUSY_MS) -> Database:
    """Opens a database of this program's revision. With `create` a missing file (and its folder) is
    made, private to its owner. Raises DatabaseError when there is none, or it is not execdb's, or
    of another revision, DatabaseOutdated for an older one, which `upgrade` is for."""
    prepare(path, create=create)
    database = Database(path, busy_ms=busy_ms)
    try:
        found = database.verify_schema()
        if found is None and create:
            database.close()
            make(path)
            database = Database(path, busy_ms=busy_ms)
            found = database.verify_schema()
        with database_errors(path):
            check_revision(found, copy_of=partial(newest_copy, database.real))
        if create:
            database.use_wal()
    except BaseException:
        database.close()
        raise
    return database
