"""The database's files moved, deleted or replaced underneath a collector: it ends, and says why."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.conftest import (
    PATIENCE_S,
    Recorder,
    no_program_is_left,
    wait_for,
    waited_for_cpu_s,
)

NOTICED_S = 2.0  # as README promises
Record = Callable[..., Recorder]


@pytest.fixture
def recorder(record: Record, tmp_path: Path) -> Recorder:
    """In a folder of its own, with an event that is stored."""
    folder = tmp_path / "folder"
    folder.mkdir()
    recorder = record(db=folder / "execdb.db", log=tmp_path / "log")
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: recorder.ours("true"), "the event")
    return recorder


def last_words(recorder: Recorder) -> str:
    """What it says as it ends by itself: one line behind the first, soon, with exit code 1."""
    pid, started_s = recorder.process.pid, time.monotonic()
    waited_s = waited_for_cpu_s(pid)
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
    wait_for(lambda: os.waitid(os.P_PID, pid, ended), "it to end")
    took_s = time.monotonic() - started_s
    # What it could not run for is not its fault: the machine may be busy.
    assert took_s - (waited_for_cpu_s(pid) - waited_s) < NOTICED_S
    assert recorder.process.wait(PATIENCE_S) == 1
    no_program_is_left()
    (first, words) = recorder.log.splitlines()
    assert first.startswith("recording to ")
    return words


def content(path: Path) -> list[tuple[object, ...]]:
    """Of the file alone: a copy has no WAL."""
    alone = path.with_suffix(".copy")
    shutil.copy(path, alone)
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        run = connection.execute("SELECT ended, seen = stored + filtered + lost FROM runs")
        assert run.fetchall() == [("clean", 1)]
        return connection.execute("SELECT comm, argv FROM execs").fetchall()


@pytest.mark.parametrize("kind", ["the file", "its folder"])
def test_moved(recorder: Recorder, kind: str, tmp_path: Path) -> None:
    """All that was recorded is where the file is now."""
    source = recorder.db if kind == "the file" else recorder.db.parent
    target = tmp_path / "elsewhere"
    source.rename(target)
    moved = target if kind == "the file" else target / recorder.db.name
    assert last_words(recorder) == (
        f"execdb: {recorder.db} was moved to {moved} while recording to it: start again"
    )
    assert ("true", '["true", "23"]') in content(moved)


@pytest.mark.parametrize("kind", ["the file", "its folder"])
def test_deleted(recorder: Recorder, kind: str) -> None:
    if kind == "the file":
        recorder.db.unlink()
    else:
        shutil.rmtree(recorder.db.parent)
    assert last_words(recorder) == (
        f"execdb: {recorder.db} was deleted or replaced while recording to it: start again"
    )
    assert not recorder.db.exists()


def test_replaced_by_another_file(recorder: Recorder, template: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    shutil.copy(template, other)
    before = other.read_bytes()
    other.rename(recorder.db)
    assert "was deleted or replaced" in last_words(recorder)
    assert recorder.db.read_bytes() == before


@pytest.mark.parametrize("suffix", ["-wal", "-shm"])
def test_what_stands_beside_it_deleted(recorder: Recorder, suffix: str) -> None:
    """Nothing that was recorded goes with it."""
    beside = Path(f"{recorder.db}{suffix}")
    beside.unlink()
    assert f"{beside} was deleted or replaced" in last_words(recorder)
    assert ("true", '["true", "23"]') in content(recorder.db)


def test_a_checkpoint_and_a_vacuum_move_nothing(recorder: Recorder) -> None:
    with closing(sqlite3.connect(recorder.db)) as connection:
        for command in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"):
            connection.execute(command)
    subprocess.run(["true", "29"], check=True)
    wait_for(lambda: len(recorder.ours("true")) == 2, "the event")
    assert ", 0 lost, " in recorder.stop()
