"""What is a problem for a database that is recorded to, and what is not."""

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from execdb.store.file.database import Database, open_database
from execdb.store.limits.bounds import Bounds
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.retention import Retention
from tests.conftest import an_exec, recorded
from tests.store.integrity.conftest import Recorder, sound


def test_nothing_is_wrong_with_what_sqlite_does(recorder: Recorder) -> None:
    for number in range(100, 111):
        recorder.store(number)
        recorder.checkpoint()
        assert recorder.problem() is None
    with closing(sqlite3.connect(recorder.path)) as connection:
        connection.execute("DELETE FROM image")
        connection.commit()
        connection.execute("VACUUM")
        assert recorder.problem() is None
    recorder.checkpoint()
    assert recorder.problem() is None


def test_a_touched_file_is_the_same(recorder: Recorder) -> None:
    recorder.path.touch()
    assert recorder.problem() is None


def test_a_second_recording_is_checked_as_the_first(own_database: Path) -> None:
    for _ in range(3):
        with closing(Recorder(own_database)) as recorder:
            recorder.store(100)
            assert recorder.problem() is None
    assert sound(own_database) == 24 * 3


def test_retention_that_shrinks_the_file_is_no_damage(own_database: Path) -> None:
    with closing(Recorder(own_database)) as recorder:
        database, wal_bytes = recorder.database, recorder.integrity.wal_bytes
        retention = Retention(database, Bounds(None, 1_000_000), wal_bytes)
        checkpoints = Checkpointer(database, wal_bytes)
        checkpoints.start()
        sizes = set()
        for batch in range(61):
            execs = [an_exec(batch * 211 + n, argv=(f"{n}", "x" * 997)) for n in range(211)]
            recorded(database, execs)
            while retention.step(0) is not None:
                pass
            checkpoints.checkpoint()
            sizes.add(own_database.stat().st_size)
            assert recorder.problem() is None
        checkpoints.close()
    assert max(sizes) > min(sizes)
    sound(own_database)


_MOUNTING = """
import subprocess, sys
from pathlib import Path
from tests.store.integrity.conftest import Recorder
recorder, over = Recorder(Path(sys.argv[1])), sys.argv[2]
subprocess.run(["mount", "-t", "tmpfs", "tmpfs", sys.argv[3]], check=True)
print(recorder.problem())
cover = "/dev/null" if over == sys.argv[1] else sys.argv[3]
subprocess.run(["mount", "--bind", cover, over], check=True)
subprocess.run(["umount", over], check=True)
print(recorder.problem())
subprocess.run(["mount", "--bind", cover, over], check=True)
print(recorder.problem())
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


def test_it_checks_twice_a_second(recorder: Recorder) -> None:
    assert recorder.integrity.problem() is None
    os.truncate(recorder.path, 0)
    assert recorder.integrity.problem() is None


def test_a_database_is_closed_only_once(own_database: Path) -> None:
    database = Database(own_database, create=True)
    database.close()
    database.close()


def test_a_copy_without_the_wal_knows_that_a_run_has_begun(recorder: Recorder) -> None:
    copy = recorder.path.with_name("copy.db")
    shutil.copy(recorder.path, copy)
    with open_database(copy) as database:
        ((_, ended),) = database.connection.execute("SELECT run_id, ended FROM runs")
        assert ended != "clean"


def test_a_restored_dump_is_marked_as_ours_and_stays_what_it_is(own_database: Path) -> None:
    open_database(own_database, create=True).close()
    with closing(sqlite3.connect(own_database)) as connection:
        connection.execute("PRAGMA application_id = 0")
    with closing(Recorder(own_database)) as recorder:
        checkpoints = Checkpointer(recorder.database, recorder.integrity.wal_bytes)
        for number in range(100, 103):
            recorder.store(number)
            checkpoints.checkpoint()
            assert recorder.problem() is None
        checkpoints.close()
    with closing(sqlite3.connect(own_database)) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (0x45584442,)
