"""A database file that is truncated or overwritten while it is recorded to."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database
from tests.conftest import an_exec, recorded
from tests.store.integrity.conftest import Recorder, sound


def problem_after(path: Path, spoil: Callable[[Recorder], None]) -> str:
    """The problem that is found in a process that records while `spoil` happens, and then ends."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            recorder = Recorder(path)
            recorder.checkpoint()
            recorder.problem()
            spoil(recorder)
            os.write(write, str(recorder.problem()).encode())
            with contextlib.suppress(DatabaseError):
                recorder.store(101)  # the last of what has been waiting
            recorder.close()
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        problem = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return problem


@pytest.mark.parametrize("size", [0, 50, 2_048, 20_480])
def test_truncated(own_database: Path, size: int) -> None:
    problem = problem_after(own_database, lambda recorder: os.truncate(recorder.path, size))
    assert problem.startswith(f"{own_database} was truncated")
    assert own_database.stat().st_size == size


def test_what_was_truncated_to_nothing_is_begun_anew(own_database: Path) -> None:
    assert "truncated" in problem_after(
        own_database, lambda recorder: os.truncate(recorder.path, 0)
    )
    with open_database(own_database, create=True) as database:
        recorded(database, [an_exec()])
    assert sound(own_database) == 1


def by_shell(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def by_vacuum(source: Path, target: Path) -> None:
    between = source.with_suffix(".vacuumed")
    with closing(sqlite3.connect(source)) as connection:
        connection.execute("VACUUM INTO ?", (str(between),))
    by_shell(between, target)


@pytest.mark.parametrize("how", [by_shell, by_vacuum])
@pytest.mark.parametrize("stored", [False, True])
def test_another_database_copied_over_it(
    own_database: Path, other: Path, how: Callable[[Path, Path], None], stored: bool
) -> None:
    """It is left as it was copied: nothing of the WAL gets into it."""

    def spoil(recorder: Recorder) -> None:
        if stored:
            recorder.store(100)
        how(other, recorder.path)

    assert problem_after(own_database, spoil).startswith(f"{own_database} was overwritten")
    assert sound(own_database) == 503


def test_an_older_copy_of_itself_copied_over_it(own_database: Path, tmp_path: Path) -> None:
    def spoil(recorder: Recorder) -> None:
        copy = tmp_path / "copy.db"
        shutil.copy(recorder.path, copy)
        recorder.store(100)
        recorder.checkpoint()
        assert recorder.problem() is None
        by_shell(copy, recorder.path)

    assert problem_after(own_database, spoil).startswith(f"{own_database} was overwritten")
    assert sound(own_database) == 23


def test_text_written_over_it(own_database: Path) -> None:
    def spoil(recorder: Recorder) -> None:
        with recorder.path.open("r+b") as file:
            file.write(b"hello\n" * 23)

    assert "was overwritten" in problem_after(own_database, spoil)
    assert own_database.read_bytes().startswith(b"hello\n" * 23)


def test_another_database_restored_over_it_through_sqlite(own_database: Path, other: Path) -> None:
    def spoil(recorder: Recorder) -> None:
        command = ["sqlite3", str(recorder.path), f".restore '{other}'"]
        subprocess.run(command, check=True)

    assert problem_after(own_database, spoil).startswith(f"{own_database} has got another content")
    assert sound(own_database) == 503


@pytest.mark.parametrize("size", [0, 97])
@pytest.mark.parametrize("then", ["nothing more is stored", "more is stored"])
def test_the_wal_truncated(own_database: Path, size: int, then: str) -> None:
    def spoil(recorder: Recorder) -> None:
        recorder.store(100)
        os.truncate(f"{recorder.path}-wal", size)
        if then == "more is stored" and not size:
            recorder.store(101)

    assert problem_after(own_database, spoil).startswith(f"{own_database} has lost its -wal")
    assert sound(own_database) == 23


def test_what_is_spoiled_is_not_touched_as_it_is_closed(own_database: Path, other: Path) -> None:
    """Also if the problem was not found before."""

    def spoil(recorder: Recorder) -> None:
        by_shell(other, recorder.path)
        recorder.close()
        os._exit(0)

    assert problem_after(own_database, spoil) == ""
    assert sound(own_database) == 503
