"""Users who may read a database but not write it."""

import os
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import EXECDB, START_NS, Answer, an_exec, counts, recorded

OTHER = 65_533
AS_OTHER = ("setpriv", "--reuid", str(OTHER), "--regid", str(OTHER), "--clear-groups")


def _others_can_run_it() -> bool:
    try:
        done = subprocess.run([*AS_OTHER, EXECDB, "--version"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


readers = pytest.mark.skipif(
    os.geteuid() != 0 or not _others_can_run_it(),
    reason="needs root, and a Python that others may run",
)


@pytest.fixture
def shown(template: Path) -> Iterator[Path]:
    """A database that others may read, with an event in it, where others may look."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        path = Path(name, "execdb.db")
        shutil.copy(template, path)
        path.chmod(0o644)
        with open_database(path) as database:
            recorded(database, [an_exec()]).finish(START_NS + 1, counts(1))
        yield path


def asked(db: Path, *before: str) -> Answer:
    done = subprocess.run(
        [*before, *AS_OTHER, EXECDB, "--db", db, "query", "--count"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Answer(done.returncode, done.stdout, done.stderr)


@readers
def test_a_reader_through_a_link_sees_what_is_in_the_wal(shown: Path) -> None:
    folder = shown.parent / "elsewhere"
    folder.mkdir(mode=0o755)
    (folder / "link.db").symlink_to(shown)
    with open_database(shown) as database:
        database.connection.execute("PRAGMA wal_autocheckpoint = 0")
        recorded(database, [an_exec(1)]).finish(START_NS + 10**9, counts(1))
        assert asked(folder / "link.db") == (0, "2\n", "")


@readers
def test_what_others_may_read_they_may_read_when_nobody_writes(shown: Path) -> None:
    """The last connection leaves the WAL when it is closed, after a checkpoint."""
    assert asked(shown) == (0, "1\n", "")
    copy = shown.with_name("copy.db")
    copy.write_bytes(shown.read_bytes())
    with open_database(copy) as database:
        assert History(database).count(Filter()) == 1


@readers
def test_a_copy_in_a_folder_one_may_not_write_to_is_to_be_copied(shown: Path) -> None:
    """SQLite would have to assume that nobody writes to it meanwhile."""
    copy = shown.with_name("copy.db")
    copy.write_bytes(shown.read_bytes())
    copy.chmod(0o644)
    answer = asked(copy)
    assert (answer.code, answer.out) == (1, "")
    assert "copy it" in answer.err


@readers
@pytest.mark.parametrize("missing", ["-wal", "-shm"])
def test_a_reader_without_the_wal_does_not_answer(shown: Path, missing: str) -> None:
    Path(f"{shown}{missing}").unlink()
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"there is no {shown}{missing}" in answer.err
    assert "copy it" in answer.err


@readers
def test_a_reader_who_could_make_a_wal_does_not(shown: Path) -> None:
    """The owner would have to believe it."""
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    shown.parent.chmod(0o777)
    assert asked(shown).code == 1
    assert not Path(f"{shown}-wal").exists()


@readers
@pytest.mark.parametrize("hidden", ["-wal", "-shm"])
def test_a_reader_who_may_not_read_the_wal_does_not_answer(shown: Path, hidden: str) -> None:
    Path(f"{shown}{hidden}").chmod(0o600)
    answer = asked(shown)
    assert (answer.code, answer.out) == (1, "")
    assert f"no permission to read {shown}{hidden}" in answer.err


@readers
def test_a_database_that_is_not_in_wal_mode_needs_no_wal(shown: Path) -> None:
    with closing(sqlite3.connect(shown)) as connection:
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    assert asked(shown) == (0, "1\n", "")


def mounted(db: Path, *mount: str) -> Answer:
    """What a reader is answered in a mount namespace of its own, after these commands."""
    script = " && ".join(mount) + ' && exec "$@"'
    return asked(db, "unshare", "--mount", "sh", "-ec", script, "sh")


@readers
def test_a_read_only_file_system_needs_no_wal(shown: Path) -> None:
    place = shown.parent / "place"
    place.mkdir()
    copied = f"mount -t tmpfs -o mode=755 tmpfs {place} && cp -p {shown} {place}/a.db"
    made = f"{copied} && mount -o remount,ro {place}"
    assert mounted(place / "a.db", made) == (0, "1\n", "")
    with_wal = f"{copied} && printf x >{place}/a.db-wal && mount -o remount,ro {place}"
    assert mounted(place / "a.db", with_wal).code == 1


@readers
def test_where_only_the_mount_is_read_only_others_may_write(shown: Path) -> None:
    place = shown.parent / "place"
    place.mkdir()
    bound = f"mount --bind {shown.parent} {place} && mount -o remount,bind,ro {place}"
    assert mounted(place / shown.name, bound) == (0, "1\n", "")
    Path(f"{shown}-wal").unlink()
    Path(f"{shown}-shm").unlink()
    assert mounted(place / shown.name, bound).code == 1
