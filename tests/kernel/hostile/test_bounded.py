"""The file stays within its limits while it is recorded to."""

import os
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import Recorder, wait_for

pytestmark = pytest.mark.alone

Record = Callable[..., Recorder]
LIMIT = 10_000_000  # bytes
EACH = 22_027  # programs that each of two processes starts
ARGUMENT = 311  # bytes of their arguments; together twice what the limit holds
OPTIONS = ("--max-size", "10MB", "--quiet")


def on_disk(db: Path) -> int:
    sizes = (os.stat(f"{db}{end}").st_size for end in ("", "-wal"))
    return sum(sizes)


def runs(db: Path) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(db, timeout=60)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        sql = "SELECT seen, stored, lost, pruned, (SELECT count(*) FROM execs) FROM runs"
        return connection.execute(sql).fetchall()


@pytest.mark.thorough
def test_the_file_stays_within_its_size_at_full_speed(record: Record, programs: Path) -> None:
    recorder = record(*OPTIONS)
    processes = storm(programs, EACH, EACH, argument_bytes=ARGUMENT)
    largest = 0
    while any(process.poll() is None for process in processes):
        largest = max(largest, on_disk(recorder.db))
        time.sleep(0.001)  # the recorder needs the CPU
    finish(processes)
    recorder.stop()
    assert LIMIT // 2 < largest <= LIMIT
    ((seen, stored, lost, pruned, rows),) = runs(recorder.db)
    assert seen == stored + lost >= 2 * EACH
    assert lost < EACH // 50  # none, unless the machine is busy
    assert rows == stored - pruned
    assert 0 < pruned < stored - EACH // 2
    arguments = [int(event["argv"][1]) for event in storm_events(recorder, programs)]
    assert max(arguments) == EACH - 1
    assert min(arguments) > 0


@pytest.mark.thorough
@pytest.mark.parametrize("begin", ["BEGIN IMMEDIATE", "BEGIN"], ids=["locked", "read"])
def test_the_file_stays_within_its_size_while_someone_else_is_at_it(
    record: Record, programs: Path, begin: str
) -> None:
    recorder = record(*OPTIONS)
    processes = storm(programs, EACH, EACH, argument_bytes=ARGUMENT)
    largest, until_s = 0, None
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as other:
        while any(process.poll() is None for process in processes):
            largest = max(largest, on_disk(recorder.db))
            time.sleep(0.001)
            if until_s is None and recorder.db.stat().st_size > LIMIT * 6 // 10:
                other.execute(begin)
                other.execute("SELECT count(*) FROM image").fetchone()
                until_s = time.monotonic() + 1.5
            elif other.in_transaction and time.monotonic() > (until_s or 0):
                other.execute("COMMIT")
    finish(processes)
    recorder.stop()
    assert until_s is not None
    assert largest <= LIMIT
    ((seen, stored, lost, pruned, _rows),) = runs(recorder.db)
    assert seen == stored + lost >= 2 * EACH
    assert pruned > 0


def test_what_is_older_goes_while_recording(record: Record) -> None:
    recorder = record("--keep", "2s", "--quiet")
    subprocess.run(["true", "older"], check=True)
    wait_for(lambda: recorder.ours("true", "older"), "the event")
    wait_for(lambda: not recorder.ours("true", "older"), "its end")
    subprocess.run(["true", "younger"], check=True)
    wait_for(lambda: recorder.ours("true", "younger"), "the next")
    recorder.stop()
    ((seen, stored, lost, pruned, rows),) = runs(recorder.db)
    assert seen == stored == rows + pruned
    assert lost == 0
    assert pruned > 0
