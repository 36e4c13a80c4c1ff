"""One SQLite file: opened with care, migrated when behind, read and written in transactions."""

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType

from execdb.store import trust
from execdb.store.errors import DatabaseError
from execdb.store.file import NEW, make, prepare
from execdb.store.layout import APPLICATION_ID, REVISION
from execdb.store.safe_files import acting_for, way_to
from execdb.store.sentences import VALUE_MAX, told
from execdb.store.sql import scalar

_BUSY_MS = 5_000
WAL_PAGES = 8_000
_WAL_KEPT = 64 << 20  # bytes; what a slow reader made it grow beyond is given back


class Database:
    """An open `connection`. `reading()` and `writing()` are its transactions.

    Use `open_database` unless the schema does not matter. Raises DatabaseError.
    """

    def __init__(self, path: Path, *, create: bool = False, busy_ms: int = _BUSY_MS) -> None:
        self.path = path
        self._schema: int | None = None  # SQLite's number of the schema that is known to be ours
        mode = "rwc" if create else "rw" if os.access(path, os.W_OK) else _read_only(path)
        self._way = way_to(path)
        with _as_sentences(path), _private(), acting_for(self._way):
            self.connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}",
                uri=True,
                isolation_level=None,  # transactions are begun below, by name
                check_same_thread=False,
            )
            self.connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, VALUE_MAX)
            for pragma in (
                *(NEW if create else ()),
                f"busy_timeout = {busy_ms}",
                "trusted_schema = OFF",  # the file may come from anywhere
                "cell_size_check = ON",
                "synchronous = NORMAL",
                f"wal_autocheckpoint = {WAL_PAGES}",  # each time costs the writer
                f"journal_size_limit = {_WAL_KEPT}",
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

    def close(self) -> None:
        # What was committed is safe either way. The last one removes the files beside it.
        with contextlib.suppress(sqlite3.Error, DatabaseError), acting_for(self._way):
            self.connection.close()

    @contextlib.contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with _as_sentences(self.path):
            self.connection.execute(begin)
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # SQLite may have rolled back by itself
                    self.connection.execute("ROLLBACK")
                raise

    def reading(self) -> contextlib.AbstractContextManager[Connection]:
        """A snapshot. Keep it short: while it lasts the WAL cannot be taken up."""
        return self._transaction("BEGIN")

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Committed at the end, rolled back on an exception. Raises DatabaseError where someone
        has put into the schema what would run as we write, since `trust` was called."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            if self._schema not in (None, scalar(connection, "PRAGMA schema_version")):
                self._trust(connection)
            yield connection

    def trust(self) -> str | None:
        """The revision, of a schema that is that revision's. Raises DatabaseError."""
        with self.reading() as connection:
            return self._trust(connection)

    def _trust(self, connection: Connection) -> str | None:
        try:
            found = revision_of(connection)
        except DatabaseError as error:
            text = str(error)
            where = "" if str(self.path) in text else f"{self.path} "
            raise DatabaseError(f"{where}{text}") from error
        self._schema = int(scalar(connection, "PRAGMA schema_version"))
        return found

    def wait_for_lock(self, busy_ms: int) -> None:
        """How long a transaction waits for another program from here on, in milliseconds."""
        self.connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")

    def take_up_wal(self) -> bool:
        """Moves what is in the WAL into the file and empties it; False if someone else is in the
        way. A last connection does so by itself if it may remove the WAL."""
        with _as_sentences(self.path):
            return not scalar(self.connection, "PRAGMA wal_checkpoint(TRUNCATE)")

    def shrink(self, pages: int) -> None:
        """Hands so many free pages, if there are, to the file system."""
        with _as_sentences(self.path):
            # execute() would stop after the first page: it takes the PRAGMA for a single step.
            self.connection.executescript(f"PRAGMA incremental_vacuum({pages:d})")

    def data_version(self) -> int:
        """Changes when another connection has committed something; costs microseconds."""
        return int(scalar(self.connection, "PRAGMA data_version"))

    def version(self) -> tuple[int, int]:
        """Changes when any connection, this one among them, has written something."""
        return self.data_version(), self.connection.total_changes

    def check(self) -> str | None:
        """What SQLite's own check finds wrong with the file, None if nothing."""
        with self.reading() as connection:
            found = scalar(connection, "PRAGMA quick_check(1)")
        return None if found == "ok" else str(found)


def _read_only(path: Path) -> str:
    """How to open a file one may not write to. SQLite needs to make files beside a database in
    WAL mode, unless it is told that nobody else writes to it either: true of a copy in a
    folder that one may not write to, with no WAL beside it."""
    wal = path.with_name(path.name + "-wal")
    lone = not os.access(path.parent, os.W_OK) and not wal.exists()
    return "ro&immutable=1" if lone else "ro"


def revision_of(connection: Connection) -> str | None:
    """The schema revision, None in an empty database. Raises DatabaseError for someone else's,
    and for a schema that is not what that revision makes."""
    application = scalar(connection, "PRAGMA application_id")
    objects = trust.read_schema(connection)
    if application == 0 and not objects:
        return None
    if application != APPLICATION_ID:
        raise DatabaseError("is an SQLite database, but not execdb's")
    trust.check_version_table(objects)
    found = scalar(connection, "SELECT version_num FROM alembic_version")
    if not isinstance(found, str) or not _REVISION.fullmatch(found):
        raise DatabaseError("is not a complete execdb database (no revision)")
    if found <= REVISION:
        trust.check_schema(connection, objects, found)
    return found


_REVISION = re.compile("[0-9]{4}")


def open_database(path: Path, *, create: bool = False, busy_ms: int = _BUSY_MS) -> Database:
    """Opens a database of this program's revision.

    With `create` a missing file (and its folder) is made, private to its owner. Raises
    DatabaseError when there is none, or it is not execdb's, or of another revision: `upgrade` is
    for those of an older one.
    """
    prepare(path, create=create)
    database = Database(path, busy_ms=busy_ms)
    try:
        found = database.trust()
        if found is None and create:
            database.close()
            make(path)
            database = Database(path, busy_ms=busy_ms)
            found = database.trust()
        check_revision(path, found)
    except BaseException:
        database.close()
        raise
    return database


def check_revision(path: Path, found: str | None, *, older: bool = False) -> None:
    """Raises DatabaseError unless this program knows that revision; with `older`, or can upgrade
    it."""
    if found is None:
        raise DatabaseError(f"{path} is an empty database: execdb collect makes it one of execdb's")
    if found > REVISION:
        raise DatabaseError(
            f"{path} was written by a newer execdb (revision {found}, this one knows {REVISION}): "
            "install that one"
        )
    if found < REVISION and not older:
        raise DatabaseError(f"{path} is of an older execdb (revision {found}): run execdb upgrade")


@contextlib.contextmanager
def _private() -> Iterator[None]:
    """Files made inside are readable by their owner alone."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextlib.contextmanager
def _as_sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise told(path, error) from error
    except UnicodeDecodeError as error:  # of what SQLite says, which quotes the file
        raise DatabaseError(f"{path} is damaged: it holds text that is not UTF-8") from error
    except OverflowError as error:
        raise DatabaseError(f"{path} is damaged: the greatest id is taken") from error
