"""What another program writes to an open database is noticed, what this one writes is not."""

import select
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import Database, open_database
from execdb.store.integrity.file_changes import FileChanges


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "execdb.db", create=True) as database:
        write(database.connection)  # the WAL exists from now on
        yield database


def write(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT OR REPLACE INTO config (uid, message) VALUES (4711, 'hello')")
    connection.execute("COMMIT")


def readable(changes: FileChanges) -> bool:
    assert changes.fd is not None
    return bool(select.select([changes.fd], [], [], 0)[0])


def test_a_commit_of_another_program_wakes(database: Database) -> None:
    with closing(FileChanges(database)) as changes:
        assert not readable(changes)
        with closing(sqlite3.connect(database.path, isolation_level=None)) as other:
            write(other)
        assert readable(changes)
        assert changes.changed()
        assert changes.by_others()
        assert not readable(changes)
        assert not changes.changed()


def test_what_this_process_writes_is_not_by_others(database: Database) -> None:
    with closing(FileChanges(database)) as changes:
        write(database.connection)
        assert changes.changed()
        assert not changes.by_others()
        assert not readable(changes)


def test_reading_is_no_change(database: Database) -> None:
    with closing(FileChanges(database)) as changes:
        with closing(sqlite3.connect(database.path)) as other:
            other.execute("SELECT count(*) FROM execs").fetchone()
        assert not changes.changed()


def test_a_renamed_database_wakes(database: Database, tmp_path: Path) -> None:
    with closing(FileChanges(database)) as changes:
        database.path.rename(tmp_path / "elsewhere.db")
        assert readable(changes)
