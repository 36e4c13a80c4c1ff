"""How much of the disk a file takes, and how its free pages go back to the file system."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from execdb.store.file.database import Database
from execdb.store.file.sql import scalar
from execdb.store.limits.bounds import PAGES_MAX


class FileSize(NamedTuple):
    """In bytes: the file with its WAL, the WAL alone, and the free pages inside the file."""

    total: int
    wal: int
    free: int

    @property
    def used(self) -> int:
        """What stored data takes."""
        return self.total - self.wal - self.free


def size_of(database: Database, wal_bytes: Callable[[], int] | None = None) -> FileSize:
    """`wal_bytes` returns the size of the WAL where this process may not look it up by path."""
    with database.reading() as connection:
        page, pages, free = (
            int(scalar(connection, f"PRAGMA {name}"))
            for name in ("page_size", "page_count", "freelist_count")
        )
    wal = _wal_bytes(database) if wal_bytes is None else wal_bytes()
    return FileSize(page * pages + wal, wal, page * free)


def _wal_bytes(database: Database) -> int:
    try:
        return Path(f"{database.real}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def give_back(database: Database, pages: int = PAGES_MAX) -> int:
    """Removes up to so many free pages from the end of the file; returns how many. A file that was
    made without `auto_vacuum` gives none back."""
    before = _free_pages(database)
    database.shrink(pages)
    return before - _free_pages(database)


def compact(database: Database) -> None:
    """Makes the file as small as its rows allow, and empties the WAL unless someone reads it."""
    while give_back(database):
        pass
    database.checkpoint()


def _free_pages(database: Database) -> int:
    with database.reading() as connection:
        return int(scalar(connection, "PRAGMA freelist_count"))
