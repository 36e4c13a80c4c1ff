"""A store that stays open and is asked again and again, as the page does it."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from execdb.store.asking.browsed import Browsed
from execdb.store.asking.browsed_file import BrowsedFile
from execdb.store.asking.coming import Coming, ComingToFile
from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.file.locks.collector_lock import CollectorWatch
from execdb.store.reading.filter import Filter

_STEPS = 20_000  # of SQLite's machine, a millisecond or so, between looks at the clock


class KeptOpen(Protocol):
    """Used by one thread at a time; `str()` names it, without a password. `local`: it is a file of
    this machine, to which a collector may record."""

    @property
    def local(self) -> bool: ...

    def now(self) -> Browsed:
        """The store as it is now, until `release`. Raises DatabaseError or CentralError, also if
        it is not what it was at the start."""

    def watch(self, is_late: Callable[[], bool]) -> None:
        """From now on a question ends with an error once this is true, if it can be asked."""

    def release(self) -> None:
        """After each request, whatever has become of it: nothing is held any more."""

    def collector(self) -> int | None:
        """The pid of the collector that records to it, if that can be known."""

    def coming(self, wanted: Filter) -> Coming:
        """What comes from now on. `wanted` has no end of its time. Raises DatabaseError,
        CentralError, and UsageError if its ancestors cannot be followed."""

    def close(self) -> None: ...


class KeptFile:
    """A file. It stays open if this process loses the right to open it."""

    local = True

    def __init__(self, database: Database, path: Path) -> None:
        """`path` is that of the file as it was given. Raises DatabaseError."""
        self.database, self._path = database, path
        database.connection.execute("PRAGMA query_only = ON")
        self._collector = CollectorWatch(path)
        self._browsed = BrowsedFile(database, lambda: self._collector.pid() is not None)

    def __str__(self) -> str:
        return str(self._path)

    def now(self) -> BrowsedFile:
        self._check()
        return self._browsed

    def _check(self) -> None:
        """Raises DatabaseError if the file was moved or replaced."""
        try:
            self.database.real.lstat()
        except PermissionError:  # as root has become someone who may not look there
            return
        except OSError:
            pass
        if not self.database.is_there():
            raise DatabaseError(f"{self._path} was moved or replaced: start execdb web again")

    def watch(self, is_late: Callable[[], bool]) -> None:
        """SQLite ends the statement that runs."""
        self.database.connection.set_progress_handler(is_late, _STEPS)

    def release(self) -> None:
        if self.database.connection.in_transaction:
            self.database.connection.rollback()

    def collector(self) -> int | None:
        return self._collector.pid()

    def coming(self, wanted: Filter) -> ComingToFile:
        return ComingToFile(self.database, self._check, wanted)

    def close(self) -> None:
        self._collector.close()
        self.database.close()
