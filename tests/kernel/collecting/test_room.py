"""Disks that fill, locks that are held, readers that stay: recording goes on and the ledger
holds. On small file systems of their own."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from execdb.store.errors import DatabaseFull
from execdb.store.file.database import open_database
from execdb.store.limits.checkpoint import Checkpointer
from execdb.store.limits.free_space import FreeSpace
from tests.conftest import an_exec, counts, recorded
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for


@contextmanager
def tmpfs(folder: Path, size_mib: int) -> Iterator[Path]:
    """A file system of that size."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "none", folder]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        # What a test that failed has not ended yet may still have files open there.
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with tmpfs(tmp_path / "disk", 24) as folder:
        yield folder


def fill(folder: Path, leave_bytes: int) -> Path:
    """A file that takes what is free but for so much."""
    path = folder / "ballast"
    path.unlink(missing_ok=True)
    disk = os.statvfs(folder)
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - leave_bytes)
    return path


def holds(db: Path, run_id: int = 1) -> dict[str, Any]:
    """Checks the file and the identity; returns the run."""
    with closing(sqlite3.connect(db)) as connection:
        connection.row_factory = sqlite3.Row
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        run = connection.execute("SELECT * FROM runs WHERE run_id = ?", (run_id,)).fetchone()
        assert run["seen"] == run["stored"] + run["filtered"] + run["lost"]
        rows = connection.execute("SELECT count(*) FROM execs WHERE run_id = ?", (run_id,))
        assert rows.fetchone()[0] == run["stored"]
        lost = connection.execute("SELECT sum(lost) FROM losses WHERE run_id = ?", (run_id,))
        assert (lost.fetchone()[0] or 0) == run["lost"]
        return dict(run)


def numbers(recorder: Recorder, programs: Path) -> list[int]:
    """Which of a storm's execs are stored."""
    return [int(event["argv"][1]) for event in storm_events(recorder, programs)]


def memory_kib(recorder: Recorder) -> int:
    status = Path(f"/proc/{recorder.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def run_and_wait(recorder: Recorder, mark: str) -> None:
    wait_for(
        lambda: subprocess.run(["true", mark], check=True) and recorder.events("--arg", mark), mark
    )


def test_below_min_free_execs_are_counted_and_storing_resumes(
    small_disk: Path, record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--min-free", "20", db=small_disk / "execdb.db")
    finish(storm(programs, 101))
    wait_for(lambda: len(numbers(recorder, programs)) == 101, "the first storm")
    ballast = fill(small_disk, 3 << 20)
    subprocess.run(["true"], check=True)
    wait_for(lambda: "execs are being lost (no space)" in recorder.log, "the warning")
    finish(storm(programs, 503))
    time.sleep(0.5)
    assert len(numbers(recorder, programs)) == 101
    ballast.unlink()
    run_and_wait(recorder, "after")
    finish(storm(programs, 103))
    wait_for(lambda: "storing again" in recorder.log, "the end of the losses")
    summary = recorder.stop()

    run = holds(recorder.db)
    assert run["lost"] >= 503
    assert f"{run['lost']} lost (no space), " in summary
    assert numbers(recorder, programs) == [*range(101), *range(103)]
    assert recorder.log.count("execs are being lost") == 1
    assert recorder.log.count("storing again") == 1
    (lossy,) = [s for s in recorder.coverage() if s["kind"] == "lossy"]
    assert lossy["lost"] == {"no space": run["lost"]}


def test_a_disk_that_is_full_hurts_nothing(
    small_disk: Path, record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--min-free", "0", db=small_disk / "execdb.db")
    finish(storm(programs, 101))
    wait_for(lambda: len(numbers(recorder, programs)) == 101, "the first storm")
    ballast = fill(small_disk, 64 << 10)
    before_kib = memory_kib(recorder)
    while "execs are being lost (no space)" not in recorder.log:
        assert recorder.process.poll() is None
        finish(storm(programs, 503))
    finish(storm(programs, 5003))
    assert memory_kib(recorder) < before_kib + 16_384
    ballast.unlink()
    run_and_wait(recorder, "after")
    wait_for(lambda: "storing again" in recorder.log, "the end of the losses")
    recorder.stop()

    run = holds(recorder.db)
    assert run["lost"] > 503
    assert recorder.log.count("execs are being lost") == 1
    assert recorder.log.count("storing again") == 1
    assert numbers(recorder, programs)[:101] == [*range(101)]


@pytest.mark.thorough
def test_ending_on_a_full_disk_says_what_was_not_stored(
    small_disk: Path, record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record("--min-free", "0", db=small_disk / "execdb.db")
    ballast = fill(small_disk, 64 << 10)
    recorder.process.send_signal(signal.SIGSTOP)
    finish(storm(programs, 503, 509))
    recorder.process.terminate()
    recorder.process.send_signal(signal.SIGCONT)
    assert recorder.process.wait(PATIENCE_S) == 1
    summary, reason = recorder.log.splitlines()[-2:]
    assert " lost (no space), " in summary
    assert "could not be stored: no space" in reason
    ballast.unlink()
    holds(recorder.db)


@pytest.mark.thorough
def test_ending_while_the_database_is_locked_is_bounded(recorder: Recorder, programs: Path) -> None:
    run_and_wait(recorder, "before")
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        finish(storm(programs, 503))
        recorder.process.terminate()
        assert recorder.process.wait(60) == 1
        other.execute("ROLLBACK")
    summary, reason = recorder.log.splitlines()[-2:]
    assert " lost (database refused), " in summary
    assert "locked by another program" in reason
    holds(recorder.db)


def test_storing_goes_on_only_when_clearly_more_is_free(tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", 10) as folder:
        with open_database(folder / "execdb.db", create=True) as database:
            recorded(database, [an_exec()])
            with closing(FreeSpace(database, 20)) as space:
                found = []
                for free_percent in (21, 19, 21, 24, 26, 21, 19):
                    fill(folder, free_percent * (10 << 20) // 100)
                    found.append(space.lack(0) is not None)
        assert found == [False, True, True, True, False, False, True]


def test_a_full_disk_does_not_end_the_checkpoints(small_disk: Path) -> None:
    """The WAL waits until there is room for what is in it."""
    db = small_disk / "execdb.db"
    wal = db.with_name("execdb.db-wal")
    with (
        open_database(db, create=True) as database,
        closing(Checkpointer(database, lambda: 1 << 30)) as checkpoints,
    ):
        recording = recorded(database, [an_exec()])
        for n in range(1, 23):
            execs = [an_exec(101 * n + m, argv=("x" * 997, str(m))) for m in range(101)]
            recording.write(execs, [], counts(0))
        ballast = fill(small_disk, 0)
        with pytest.raises(DatabaseFull):
            checkpoints.checkpoint()
        full_bytes = wal.stat().st_size
        checkpoints.start()
        checkpoints.poll()
        time.sleep(0.5)  # it has tried by now
        checkpoints.poll()
        assert wal.stat().st_size == full_bytes
        ballast.unlink()

        def emptied() -> bool:
            checkpoints.poll()
            return wal.stat().st_size < full_bytes

        wait_for(emptied, "the WAL to be emptied")
