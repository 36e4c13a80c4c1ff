"""What happens to the files of a database while it is recorded to, without a kernel's program."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database, open_database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.retention import Retention
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.watch.file_watch import Watch
from tests.conftest import an_exec, recorded


class Watched:
    """A database that is written to, and its watch, which looks whenever it is asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.database = open_database(path, create=True)
        recorded(self.database, [an_exec(n) for n in range(23)])
        self.watch = Watch(self.database, lambda: None)

    def said(self) -> str | None:
        """What it says by the second look: one that a checkpoint overtakes is not believed."""
        self.watch._next_s = 0.0
        first = self.watch.gone()
        self.watch._next_s = 0.0
        return first or self.watch.gone()

    def store(self, number: int) -> None:
        recorded(self.database, [an_exec(number)])

    def checkpoint(self) -> None:
        """As another program does it."""
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.watch.close()
        self.database.close()


@pytest.fixture
def watched(own_database: Path) -> Iterator[Watched]:
    with closing(Watched(own_database)) as watched:
        yield watched


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


def test_nothing_is_wrong_with_what_sqlite_does(watched: Watched) -> None:
    for number in range(100, 111):
        watched.store(number)
        watched.checkpoint()
        assert watched.said() is None
    with closing(sqlite3.connect(watched.path)) as connection:
        connection.execute("DELETE FROM image")
        connection.commit()
        connection.execute("VACUUM")
        assert watched.said() is None
    watched.checkpoint()
    assert watched.said() is None


def test_a_touched_file_is_the_same(watched: Watched) -> None:
    watched.path.touch()
    assert watched.said() is None


def test_a_second_recording_watches_as_the_first(own_database: Path) -> None:
    for _ in range(3):
        with closing(Watched(own_database)) as watched:
            watched.store(100)
            assert watched.said() is None
    assert sound(own_database) == 24 * 3


def test_retention_that_shrinks_the_file_is_no_damage(own_database: Path) -> None:
    with closing(Watched(own_database)) as watched:
        database, watch = watched.database, watched.watch
        retention = Retention(database, Bounds(None, 1_000_000), watch.wal_bytes)
        checkpoints = Checkpointer(database, watch.wal_bytes)
        checkpoints.start()
        sizes = set()
        for batch in range(61):
            execs = [an_exec(batch * 211 + n, argv=(f"{n}", "x" * 997)) for n in range(211)]
            recorded(database, execs)
            while retention.step(0) is not None:
                pass
            checkpoints.checkpoint()
            sizes.add(own_database.stat().st_size)
            assert watched.said() is None
        checkpoints.close()
    assert max(sizes) > min(sizes)
    sound(own_database)


def spoiled(path: Path, spoil: Callable[[Watched], None]) -> str:
    """What is said in a process that records while that happens, and then ends."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        watched = Watched(path)
        watched.checkpoint()
        watched.said()
        spoil(watched)
        os.write(write, str(watched.said()).encode())
        with contextlib.suppress(DatabaseError):
            watched.store(101)  # the last of what has been waiting
        watched.close()
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return said


@pytest.mark.parametrize("size", [0, 50, 2_048, 20_480])
def test_truncated(own_database: Path, size: int) -> None:
    said = spoiled(own_database, lambda watched: os.truncate(watched.path, size))
    assert said.startswith(f"{own_database} was truncated")
    assert own_database.stat().st_size == size


def test_what_was_truncated_to_nothing_is_begun_anew(own_database: Path) -> None:
    assert "truncated" in spoiled(own_database, lambda watched: os.truncate(watched.path, 0))
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

    def spoil(watched: Watched) -> None:
        if stored:
            watched.store(100)
        how(other, watched.path)

    assert spoiled(own_database, spoil).startswith(f"{own_database} was overwritten")
    assert sound(own_database) == 503


def test_an_older_copy_of_itself_copied_over_it(own_database: Path, tmp_path: Path) -> None:
    def spoil(watched: Watched) -> None:
        copy = tmp_path / "copy.db"
        shutil.copy(watched.path, copy)
        watched.store(100)
        watched.checkpoint()
        assert watched.said() is None
        by_shell(copy, watched.path)

    assert spoiled(own_database, spoil).startswith(f"{own_database} was overwritten")
    assert sound(own_database) == 23


def test_text_written_over_it(own_database: Path) -> None:
    def spoil(watched: Watched) -> None:
        with watched.path.open("r+b") as file:
            file.write(b"hello\n" * 23)

    assert "was overwritten" in spoiled(own_database, spoil)
    assert own_database.read_bytes().startswith(b"hello\n" * 23)


def test_another_database_restored_over_it_through_sqlite(own_database: Path, other: Path) -> None:
    def spoil(watched: Watched) -> None:
        command = ["sqlite3", str(watched.path), f".restore '{other}'"]
        subprocess.run(command, check=True)

    assert spoiled(own_database, spoil).startswith(f"{own_database} has got another content")
    assert sound(own_database) == 503


@pytest.mark.parametrize("size", [0, 97])
@pytest.mark.parametrize("then", ["nothing more is stored", "more is stored"])
def test_the_wal_truncated(own_database: Path, size: int, then: str) -> None:
    def spoil(watched: Watched) -> None:
        watched.store(100)
        os.truncate(f"{watched.path}-wal", size)
        if then == "more is stored" and not size:
            watched.store(101)

    assert spoiled(own_database, spoil).startswith(f"{own_database} has lost its -wal")
    assert sound(own_database) == 23


def test_what_is_spoiled_is_not_touched_as_it_is_closed(own_database: Path, other: Path) -> None:
    """Also if nobody has looked."""

    def spoil(watched: Watched) -> None:
        by_shell(other, watched.path)
        watched.close()
        os._exit(0)

    assert spoiled(own_database, spoil) == ""
    assert sound(own_database) == 503


_MOUNTING = """
import subprocess, sys
from pathlib import Path
from tests.store.watch.test_file_watch import Watched
watched, over = Watched(Path(sys.argv[1])), sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", sys.argv[3]], check=True)
print(watched.said())
cover = "/dev/null" if over == sys.argv[1] else sys.argv[3]
subprocess.run(["mount", "--bind", cover, over], check=True)
subprocess.run(["umount", over], check=True)
print(watched.said())
subprocess.run(["mount", "--bind", cover, over], check=True)
print(watched.said())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("over", ["the file", "its folder", "the folder above"])
def test_mounted_over(tmp_path: Path, over: str) -> None:
    """A mount elsewhere is nothing, and one that has gone again."""
    folder, elsewhere = tmp_path / "a b" / "c", tmp_path / "elsewhere"
    for made in (folder, elsewhere):
        made.mkdir(parents=True)
    place = {"the file": folder / "x.db", "its folder": folder, "the folder above": folder.parent}
    done = subprocess.run(
        ["unshare", "--mount", sys.executable, "-c", _MOUNTING, folder / "x.db", place[over],
         elsewhere],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    first, second, third = done.stdout.splitlines()
    assert (first, second) == ("None", "None")
    assert third.startswith(f"something was mounted over {folder}/x.db")


def test_it_looks_twice_a_second(watched: Watched) -> None:
    assert watched.watch.gone() is None
    os.truncate(watched.path, 0)
    assert watched.watch.gone() is None


def test_a_database_is_closed_only_once(own_database: Path) -> None:
    database = Database(own_database, create=True)
    database.close()
    database.close()


def test_a_copy_without_the_wal_knows_that_a_run_has_begun(watched: Watched) -> None:
    copy = watched.path.with_name("copy.db")
    shutil.copy(watched.path, copy)
    with open_database(copy) as database:
        ((_, ended),) = database.connection.execute("SELECT run_id, ended FROM runs")
        assert ended != "clean"


def test_a_restored_dump_is_marked_as_ours_and_stays_what_it_is(own_database: Path) -> None:
    open_database(own_database, create=True).close()
    with closing(sqlite3.connect(own_database)) as connection:
        connection.execute("PRAGMA application_id = 0")
    with closing(Watched(own_database)) as watched:
        checkpoints = Checkpointer(watched.database, watched.watch.wal_bytes)
        for number in range(100, 103):
            watched.store(number)
            checkpoints.checkpoint()
            assert watched.said() is None
        checkpoints.close()
    with closing(sqlite3.connect(own_database)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x45584442,)
