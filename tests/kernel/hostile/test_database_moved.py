"""The database's files are moved, deleted, replaced, truncated, overwritten or mounted over while
a collector records to them: it ends and says why."""

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for, waited_for_cpu_s
from tests.running.thorough import first

NOTICED_S = 10.0  # at once, on a machine that has nothing else to do
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
    """Waits until it ends by itself, with exit code 1; returns its second and last line."""
    pid, started_s = recorder.process.pid, time.monotonic()
    waited_s = waited_for_cpu_s(pid)
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
    wait_for(lambda: os.waitid(os.P_PID, pid, ended), "it to end")
    took_s = time.monotonic() - started_s
    # Time in which it got no CPU does not count: the machine may be busy.
    assert took_s - (waited_for_cpu_s(pid) - waited_s) < NOTICED_S
    assert recorder.process.wait(PATIENCE_S) == 1
    no_program_is_left()
    (first, words) = recorder.log.splitlines()
    assert first.startswith("recording to ")
    return words


def content(path: Path) -> list[tuple[object, ...]]:
    """The execs in the file without its WAL."""
    alone = path.with_suffix(".copy")
    shutil.copy(path, alone)
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        run = connection.execute("SELECT ended, seen = stored + filtered + lost FROM runs")
        assert run.fetchall() == [("clean", 1)]
        return connection.execute("SELECT comm, argv FROM execs").fetchall()


@pytest.mark.parametrize("kind", first(1, ["the file", "its folder"]))
def test_moved(recorder: Recorder, kind: str, tmp_path: Path) -> None:
    """Everything that was recorded is in the moved file."""
    source = recorder.db if kind == "the file" else recorder.db.parent
    target = tmp_path / "elsewhere"
    source.rename(target)
    moved = target if kind == "the file" else target / recorder.db.name
    assert last_words(recorder) == (
        f"execdb: {recorder.db} was moved to {moved} while recording to it: start again"
    )
    assert ("true", '["true", "23"]') in content(moved)


@pytest.mark.parametrize("kind", first(1, ["the file", "its folder"]))
def test_deleted(recorder: Recorder, kind: str) -> None:
    if kind == "the file":
        recorder.db.unlink()
    else:
        shutil.rmtree(recorder.db.parent)
    assert last_words(recorder) == (
        f"execdb: {recorder.db} was deleted or replaced while recording to it: start again"
    )
    assert not recorder.db.exists()


@pytest.mark.thorough
def test_replaced_by_another_file(recorder: Recorder, template: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    shutil.copy(template, other)
    before = other.read_bytes()
    other.rename(recorder.db)
    assert "was deleted or replaced" in last_words(recorder)
    assert recorder.db.read_bytes() == before


@pytest.mark.parametrize("suffix", first(1, ["-wal", "-shm"]))
def test_what_stands_beside_it_deleted(recorder: Recorder, suffix: str) -> None:
    """Nothing that was recorded is lost."""
    beside = Path(f"{recorder.db}{suffix}")
    beside.unlink()
    assert f"{beside} was deleted or replaced" in last_words(recorder)
    assert ("true", '["true", "23"]') in content(recorder.db)


@pytest.mark.parametrize("suffix", first(1, ["", "-wal", "-shm"]))
def test_truncated(recorder: Recorder, suffix: str) -> None:
    """As `copytruncate` of logrotate does, with one or another of the files."""
    os.truncate(f"{recorder.db}{suffix}", 0)
    subprocess.run(["true", "31"], check=True)
    words = last_words(recorder)
    assert words.startswith(f"execdb: {recorder.db}")
    assert "truncated while recording" in words
    recorder.run("status", check=False)  # no traceback


@pytest.mark.thorough
def test_overwritten(recorder: Recorder, template: Path) -> None:
    """Nothing is written into the new content."""
    recorder.db.write_bytes(template.read_bytes())
    subprocess.run(["true", "37"], check=True)
    assert last_words(recorder) == (
        f"execdb: {recorder.db} was overwritten while recording to it: start again"
    )
    with closing(sqlite3.connect(recorder.db)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("SELECT count(*) FROM execs").fetchone() == (0,)


@pytest.mark.thorough
def test_restored_over_through_sqlite(recorder: Recorder, template: Path) -> None:
    with closing(sqlite3.connect(template)) as source, closing(sqlite3.connect(recorder.db)) as to:
        source.backup(to)
    assert "has got another content while recording" in last_words(recorder)
    assert recorder.events() == []


@pytest.mark.parametrize("over", first(1, ["the file", "its folder"]))
def test_mounted_over(recorder: Recorder, tmp_path: Path, over: str) -> None:
    covered = recorder.db if over == "the file" else recorder.db.parent
    other = tmp_path / "log" if over == "the file" else tmp_path
    subprocess.run(["mount", "--bind", other, covered], check=True)
    try:
        assert last_words(recorder) == (
            f"execdb: something was mounted over {recorder.db}, or unmounted, while recording to "
            "it: start again"
        )
    finally:
        subprocess.run(["umount", covered], check=True)
    assert ("true", '["true", "23"]') in content(recorder.db)


def test_its_lock_removed(recorder: Recorder) -> None:
    """Recording continues; commands still find the collector, and a second one is refused."""
    Path(f"{recorder.db}.lock").unlink()
    assert f"running, pid {recorder.process.pid}" in recorder.run("status")
    assert "(in the kernel)" in recorder.run("config", "set", "0", "hi")
    second = subprocess.run(
        [EXECDB, "--db", recorder.db, "collect", "--for", "0"], capture_output=True, text=True
    )
    assert second.returncode == 1
    assert f"(pid {recorder.process.pid}) already records" in second.stderr
    subprocess.run(["true", "41"], check=True)
    wait_for(lambda: recorder.ours("true", "41"), "the event")
    recorder.stop()
    assert len(recorder.ours("true", "41")) == 1


@pytest.mark.thorough
def test_not_recorded_to_under_a_second_name(recorder: Recorder, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    other.hardlink_to(recorder.db)
    done = subprocess.run(
        [EXECDB, "--db", other, "collect", "--for", "0"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"{other} has 2 names" in done.stderr
    other.unlink()
    recorder.stop()


@pytest.mark.parametrize("how", first(1, ["journal_mode", "VACUUM INTO", "a dump"]))
def test_copies_that_have_lost_something_are_recorded_to(
    record: Record, db: Path, tmp_path: Path, how: str
) -> None:
    """A backup tool leaves a file not in WAL mode, a dump one that is not marked as ours."""
    copy = tmp_path / "copy.db"
    with closing(sqlite3.connect(db)) as connection:
        connection.execute("INSERT INTO config VALUES (23, 'kept')")
        connection.commit()
        if how == "VACUUM INTO":
            connection.execute("VACUUM INTO ?", (str(copy),))
        elif how == "journal_mode":
            connection.execute("PRAGMA journal_mode = DELETE")
    if how == "journal_mode":
        shutil.copy(db, copy)
    elif how == "a dump":
        dump = subprocess.run(["sqlite3", db, ".dump"], capture_output=True, check=True).stdout
        subprocess.run(["sqlite3", copy], input=dump, check=True)
    recorder = record(db=copy, log=tmp_path / "log")
    subprocess.run(["true", "43"], check=True)
    recorder.stop()
    assert len(recorder.ours("true", "43")) == 1
    assert recorder.run("config", "get", "23") == "kept\n"
    assert ("true", '["true", "43"]') in content(copy)


def test_a_checkpoint_and_a_vacuum_move_nothing(recorder: Recorder) -> None:
    with closing(sqlite3.connect(recorder.db)) as connection:
        for command in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"):
            connection.execute(command)
    subprocess.run(["true", "29"], check=True)
    wait_for(lambda: len(recorder.ours("true")) == 2, "the event")
    assert ", 0 lost, " in recorder.stop()
