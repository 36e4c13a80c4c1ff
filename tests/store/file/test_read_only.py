"""Users who may read a database but not write it."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from execdb.cli import main
from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, Answer, an_exec, counts, recorded
from tests.others import OTHER, run_as

Asked = Callable[[Path], Answer]
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def shown(template: Path, reachable: Path) -> Path:
    """A database that others may read, with an event in it, where others may look."""
    path = Path(shutil.copy(template, reachable))
    path.chmod(0o644)
    with open_database(path) as database:
        recorded(database, [an_exec()]).finish(START_NS + 1, counts(1))
    return path


@pytest.fixture
def asked(db: Path) -> Asked:
    """What a reader is answered."""
    main.run(["query", "--count"])  # loads what it needs
    return lambda path: run_as(OTHER, OTHER, "--db", path, "query", "--count")


@contextmanager
def open_elsewhere(path: Path) -> Iterator[None]:
    """While a process of its own has the database open, with another event in the WAL."""
    (ready, to_ready), (over, to_over) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(to_over)
        try:
            with open_database(path) as database:
                database.connection.execute("PRAGMA wal_autocheckpoint = 0")
                recorded(database, [an_exec(1)]).finish(START_NS + 10**9, counts(1))
                os.write(to_ready, b"x")
                os.read(over, 1)
        finally:
            os._exit(0)
    os.close(to_ready)
    os.close(over)
    assert os.read(ready, 1)
    yield
    os.close(to_over)
    os.close(ready)
    os.waitpid(child, 0)


def test_a_reader_through_a_link_sees_what_is_in_the_wal(shown: Path, asked: Asked) -> None:
    folder = shown.parent / "elsewhere"
    folder.mkdir(mode=0o755)
    (folder / "link.db").symlink_to(shown)
    with open_elsewhere(shown):
        assert asked(folder / "link.db") == (0, "2\n", "")


def test_what_others_may_read_they_may_read_when_nobody_writes(shown: Path, asked: Asked) -> None:
    """The last connection leaves the WAL when it is closed, after a checkpoint."""
    assert asked(shown) == (0, "1\n", "")
    copy = shown.with_name("copy.db")
    copy.write_bytes(shown.read_bytes())
    with open_database(copy) as database:
        assert History(database).count(Filter()) == 1


def test_a_copy_in_a_folder_one_may_not_write_to_is_to_be_copied(shown: Path, asked: Asked) -> None:
    """SQLite would have to assume that nobody writes to it meanwhile."""
    copy = shown.with_name("copy.db")
    copy.write_bytes(shown.read_bytes())
    copy.chmod(0o644)
    answer = asked(copy)
    assert (answer.code, answer.out) == (1, "")
    assert "copy it" in answer.err


@pytest.mark.parametrize("missing", ["-wal", "-shm"])
def test_a_reader_without_the_wal_does_not_answer(shown: Path, missing: str, asked: Asked) -> None:
    Path(f"{shown}{missing}").unlink()
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"there is no {shown}{missing}" in answer.err
    assert "copy it" in answer.err


def test_a_reader_who_could_make_a_wal_does_not(shown: Path, asked: Asked) -> None:
    """The owner would have to believe it."""
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    shown.parent.chmod(0o777)
    assert asked(shown).code == 1
    assert not Path(f"{shown}-wal").exists()


@pytest.mark.parametrize("hidden", ["-wal", "-shm"])
def test_a_reader_who_may_not_read_the_wal_does_not_answer(
    shown: Path, hidden: str, asked: Asked
) -> None:
    Path(f"{shown}{hidden}").chmod(0o600)
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"no permission to read {shown}{hidden}" in answer.err


def test_a_database_that_is_not_in_wal_mode_needs_no_wal(shown: Path, asked: Asked) -> None:
    with closing(sqlite3.connect(shown)) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    assert asked(shown) == (0, "1\n", "")


@contextmanager
def mounted(place: Path, *commands: str) -> Iterator[None]:
    """While something is mounted there."""
    place.mkdir(exist_ok=True)
    try:
        subprocess.run(["sh", "-ec", " && ".join(commands)], check=True)
        yield
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_read_only_file_system_needs_no_wal(shown: Path, asked: Asked) -> None:
    place = shown.parent / "place"
    copied = f"mount -t tmpfs -o mode=755 tmpfs {place} && cp -p {shown} {place}/a.db"
    closed = f"mount -o remount,ro {place}"
    with mounted(place, copied, closed):
        assert asked(place / "a.db") == (0, "1\n", "")
    with mounted(place, copied, f"printf x >{place}/a.db-wal", closed):
        assert asked(place / "a.db").code == 1


def test_where_only_the_mount_is_read_only_others_may_write(shown: Path, asked: Asked) -> None:
    place = shown.parent / "place"
    bound = f"mount --bind {shown.parent} {place}", f"mount -o remount,bind,ro {place}"
    with mounted(place, *bound):
        assert asked(place / shown.name) == (0, "1\n", "")
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    with mounted(place, *bound):
        assert asked(place / shown.name).code == 1
