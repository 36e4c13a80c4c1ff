"""Opening: a file that is right, and one sentence for each way in which it is not."""

import os
import shutil
import sqlite3
import stat
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import an_exec, recorded
from tests.processes.process import Process


def refusal(path: Path, *, create: bool = False) -> str:
    """The sentence for a file that cannot be opened."""
    with pytest.raises(DatabaseError) as caught:
        open_database(path, create=create).close()
    text = str(caught.value)
    assert "\n" not in text
    assert str(path) in text
    return text


def pragma(path: Path, name: str) -> object:
    connection = sqlite3.connect(path)
    (value,) = connection.execute(f"PRAGMA {name}").fetchone()
    connection.close()
    return value


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_database_is_private_and_marked_as_ours(tmp_path: Path) -> None:
    path = tmp_path / "new" / "execdb.db"
    before = os.umask(0)
    try:
        with open_database(path, create=True) as database:
            recorded(database, [an_exec()])
            files = list(path.parent.iterdir())
            assert {file.name for file in files} >= {"execdb.db", "execdb.db-wal"}
            assert {mode(file) for file in files} == {0o600}
    finally:
        os.umask(before)
    assert mode(path.parent) == 0o700
    assert pragma(path, "application_id") == 0x45584442
    assert pragma(path, "journal_mode") == "wal"


def test_opening_in_two_threads_changes_no_umask(db: Path) -> None:
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(2) as threads:
            for opened in threads.map(lambda _: open_database(db), range(400)):
                opened.close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


def test_opening_changes_nobody_elses_umask(db: Path) -> None:
    before = os.umask(0o027)
    try:
        open_database(db).close()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)


@pytest.mark.parametrize("name", ["a b.db", "50%.db", "what?.db", "#1.db", "ü.db"])
def test_any_file_name_will_do(tmp_path: Path, template: Path, name: str) -> None:
    path = tmp_path / name
    shutil.copy(template, path)
    with open_database(path) as database:
        recorded(database, [an_exec()])
    with open_database(path) as database:
        assert History(database).count(Filter()) == 1
    assert {file.name for file in tmp_path.iterdir()} == {name}


def test_a_missing_file_is_told_how_to_get_one(own_database: Path) -> None:
    assert "execdb collect" in refusal(own_database)
    assert not own_database.exists()


def test_an_empty_file_is_no_database_yet(own_database: Path) -> None:
    own_database.touch()
    refusal(own_database)
    assert own_database.stat().st_size == 0


@pytest.mark.parametrize("create", [False, True])
def test_a_folder_is_not_a_file(tmp_path: Path, create: bool) -> None:
    assert "folder" in refusal(tmp_path, create=create)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("text", ["hello", "SQLite format 2\0" * 23, "#!/bin/sh\n" * 1_009])
def test_a_text_file_is_left_alone(own_database: Path, create: bool, text: str) -> None:
    own_database.write_text(text)
    assert "not an SQLite database" in refusal(own_database, create=create)
    assert own_database.read_text() == text


@pytest.mark.parametrize("create", [False, True])
def test_someone_elses_database_is_left_alone(own_database: Path, create: bool) -> None:
    connection = sqlite3.connect(own_database)
    connection.execute("CREATE TABLE photos (id)")
    connection.close()
    before = own_database.read_bytes()
    assert "not execdb's" in refusal(own_database, create=create)
    assert own_database.read_bytes() == before


def test_a_newer_revision_asks_for_a_newer_program(db: Path) -> None:
    connection = sqlite3.connect(db)
    with connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    text = refusal(db)
    assert "9999" in text
    assert "newer execdb" in text


def test_no_folder_to_make_the_folder_in(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "execdb.db"
    assert str(tmp_path / "not") in refusal(path, create=True)
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize("folder", ["/proc", "/sys"])
def test_a_place_where_nothing_can_be_made(folder: str) -> None:
    text = refusal(Path(folder, "execdb.db"), create=True)
    assert "DatabaseError" not in text  # a sentence, not a traceback's last line


def test_a_writer_who_is_busy_is_waited_for_and_then_named(db: Path) -> None:
    with open_database(db) as holder, open_database(db, busy_ms=7) as waiting:
        with holder.writing(), pytest.raises(DatabaseError, match="locked"), waiting.writing():
            pass
        recorded(waiting, [an_exec()])


def test_a_reader_is_not_held_up_by_a_writer(db: Path) -> None:
    with open_database(db) as writer, open_database(db, busy_ms=0) as reader:
        recorded(writer, [an_exec()])
        with writer.writing():
            assert History(reader).count(Filter()) == 1


def test_what_fails_inside_a_transaction_leaves_nothing(database: Database) -> None:
    def change() -> None:
        with database.writing() as connection:
            connection.execute("INSERT INTO config VALUES (7, 'x')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    with database.reading() as connection:
        assert scalar(connection, "SELECT count(*) FROM config") == 0


def test_a_new_file_has_small_pages(database: Database) -> None:
    assert database.connection.execute("PRAGMA page_size").fetchone() == (2_048,)


def test_a_sound_file_passes_its_check(database: Database) -> None:
    assert database.check() is None


def test_two_who_create_it_at_once_both_get_it(tmp_path: Path) -> None:
    path = tmp_path / "execdb.db"
    code = (
        f"from execdb.store.file.database import *; open_database(Path({str(path)!r}), create=True)"
    )
    both = [Process([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    open_database(path).close()
