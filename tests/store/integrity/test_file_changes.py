"""What another program writes to an open database is noticed, what this one writes is not."""

import os
import select
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import Database, open_database
from execdb.store.integrity.file_changes import FileChanges

NOBODY = (61_611, 61_611) if os.geteuid() == 0 else (-1, -1)


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
    poll = select.poll()
    for fd, events in changes.fds:
        poll.register(fd, events)
    return bool(poll.poll(0))


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


@pytest.mark.parametrize("suffix", ["", "-wal", "-shm"])
def test_a_file_that_loses_its_name_wakes(database: Database, suffix: str) -> None:
    with closing(FileChanges(database)) as changes:
        Path(f"{database.path}{suffix}").unlink()
        assert readable(changes)
        assert changes.changed()
        assert changes.by_others()


def test_a_renamed_folder_wakes_also_after_a_write(tmp_path: Path) -> None:
    """Of this process: it is not taken for the reason."""
    folder = tmp_path / "one" / "two"
    folder.mkdir(parents=True)
    with open_database(folder / "execdb.db", create=True) as database:
        write(database.connection)
        with closing(FileChanges(database)) as changes:
            write(database.connection)
            folder.parent.rename(tmp_path / "another")
            assert changes.changed()
            assert changes.by_others()
            assert not readable(changes)
        (tmp_path / "another").rename(folder.parent)


def test_what_others_do_in_the_same_folder_does_not_wake(
    database: Database, tmp_path: Path
) -> None:
    with closing(FileChanges(database)) as changes:
        (tmp_path / "other").write_text("x")
        (tmp_path / "other").rename(tmp_path / "another")
        (tmp_path / "another").unlink()
        assert not readable(changes)


def test_it_looks_more_often_below_a_folder_that_it_may_not_read() -> None:
    """Such a folder may be renamed without a word."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made, "one", "two")
        folder.mkdir(parents=True)
        for path in (Path(made), folder.parent, folder):
            os.chown(path, *NOBODY)
        child = os.fork()
        if child == 0:
            found: list[float] = []
            try:
                os.setresuid(*3 * NOBODY[:1])
                found += look_s(folder, 0o700), look_s(folder, 0o300)
            finally:
                os._exit(0 if found == [5.0, 1.0] else 1)
        assert os.waitpid(child, 0)[1] == 0


def look_s(folder: Path, mode_above: int) -> float:
    with open_database(folder / "execdb.db", create=True) as database:
        write(database.connection)
        folder.parent.chmod(mode_above)
        with closing(FileChanges(database)) as changes:
            database.path.touch()
            write(database.connection)
            assert changes.changed()
            return changes.look_s
