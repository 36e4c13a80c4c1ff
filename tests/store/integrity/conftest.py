"""A database that is recorded to, without a kernel's program."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.integrity.file_integrity import FileIntegrity
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_exec, recorded


class Recorder:
    """A database that is written to, and its integrity check."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = open_database(path, create=True)
        recorded(self.database, [an_exec(n) for n in range(23)])
        self.integrity = FileIntegrity(self.database, lambda: None)

    def problem(self) -> str | None:
        """The result of two checks: what a single check finds may be a checkpoint that is under
        way. Does not wait between them."""
        self.integrity._next_s = 0.0
        first = self.integrity.problem()
        self.integrity._next_s = 0.0
        return first or self.integrity.problem()

    def store(self, number: int) -> None:
        recorded(self.database, [an_exec(number)])

    def checkpoint(self) -> None:
        """As another program does it."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.integrity.close()
        self.database.close()


@pytest.fixture
def recorder(own_database: Path) -> Iterator[Recorder]:
    with closing(Recorder(own_database)) as made:
        yield made


@pytest.fixture
def other(tmp_path: Path, template: Path) -> Path:
    """Another database of ours, with more in it."""
    path = tmp_path / "other.db"
    shutil.copy(template, path)
    with open_database(path) as database:
        recorded(database, [an_exec(n) for n in range(503)])
    return path


def sound(path: Path) -> int:
    """How many execs are in a database that passes SQLite's check."""
    with open_database(path) as database:
        assert database.check() is None
        return History(database).count(Filter())
