"""Faults as on real machines. After each, the ledger agrees with the workload's own count, and the
database is sound."""

import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.ground_truth import finish, storm
from tests.kernel.recorder import Recorder, forks, wait_for
from tests.processes.process import PATIENCE_S, join

Record = Callable[..., Recorder]
STRAYS_MAX = 1_009  # programs that run in processes of the recorder and of the load
STORM = 499  # programs that one process of the load starts
# Any other cause is a fault of the recorder.
OUTSIDE_CAUSES = {"ring full", "database refused", "no space", "wal blocked"}
WAL_SIZE = 20 << 20  # bytes; it is emptied from 16 MiB on
MOMENTS = 6, 7  # how often the collector of each of two databases is killed


def ask(db: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(db, timeout=60)) as connection:
        return connection.execute(sql).fetchall()


def assert_sound(db: Path) -> None:
    assert ask(db, "PRAGMA integrity_check") == [("ok",)]
    rows = dict(ask(db, "SELECT run_id, count(*) FROM execs GROUP BY run_id"))
    for run, seen, stored, filtered, lost in ask(
        db, "SELECT run_id, seen, stored, filtered, lost FROM runs"
    ):
        assert seen == stored + filtered + lost
        assert rows.get(run, 0) == stored


def assert_accounts_for(recorder: Recorder, programs: Path, executed: int) -> int:
    """Every program of a storm is stored or counted as lost, for a reason outside of the recorder.
    What is beyond those is what others started meanwhile: about a program in each of their
    processes. Returns how many were lost."""
    db, others = recorder.db, forks() - recorder.forks_before - executed
    assert_sound(db)
    (run,) = ask(db, "SELECT seen, stored, lost, ended FROM runs")
    seen, stored, lost, ended = run
    assert ended == "clean"
    causes = {cause for (cause,) in ask(db, "SELECT cause FROM losses")}
    assert causes <= OUTSIDE_CAUSES
    ((of_the_storm,),) = ask(
        db, f"SELECT count(*) FROM execs WHERE filename = '{programs}/nothing'"
    )
    strays_stored = stored - of_the_storm
    strays_lost = lost - (executed - of_the_storm)
    assert strays_lost >= 0
    assert strays_stored + strays_lost == seen - executed
    assert strays_stored + strays_lost < STRAYS_MAX + executed // STORM + 2 * others
    return int(lost)


@contextmanager
def load(programs: Path, processes: int = 2, argument_bytes: int = 0) -> Iterator[list[int]]:
    """Processes that start programs as fast as they can, as long as it lasts. Fills in, at the end,
    how many programs that were."""
    executed, over = [0], threading.Event()

    def work() -> None:
        while not over.is_set():
            finish(storm(programs, *[STORM] * processes, argument_bytes=argument_bytes))
            executed[0] += processes * STORM

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    try:
        yield executed
    finally:
        over.set()
        join(worker, 3 * PATIENCE_S)


@pytest.mark.alone
def test_stopped_until_the_rings_overflow(record: Record, programs: Path) -> None:
    recorder = record("--ring-pages", "128")
    finish(storm(programs, 503))
    recorder.process.send_signal(signal.SIGSTOP)
    finish(storm(programs, 5_003, 5_009))
    recorder.process.send_signal(signal.SIGCONT)
    finish(storm(programs, 509))
    summary = recorder.stop()
    lost = assert_accounts_for(recorder, programs, 503 + 5_003 + 5_009 + 509)
    assert lost > 1_000
    assert f", {lost} lost (ring full), " in summary


@pytest.mark.alone
def test_the_smallest_ring_at_full_speed(record: Record, programs: Path) -> None:
    recorder = record("--ring-pages", "1")
    with load(programs) as executed:
        wait_for(lambda: "(ring full)" in recorder.log, "the ring to overflow")
        time.sleep(1)
    recorder.stop()
    assert assert_accounts_for(recorder, programs, executed[0]) > 0


@pytest.mark.alone
def test_another_process_holds_the_write_lock(recorder: Recorder, programs: Path) -> None:
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with load(programs) as executed:
            time.sleep(2)
        other.execute("ROLLBACK")
    recorder.stop()
    assert_accounts_for(recorder, programs, executed[0])


@pytest.mark.thorough
@pytest.mark.alone
def test_vacuum_by_someone_else(recorder: Recorder, programs: Path) -> None:
    with load(programs) as executed:
        until_s = time.monotonic() + 2
        while time.monotonic() < until_s:  # one is always under way when it wants to write
            ask(recorder.db, "VACUUM")
    recorder.stop()
    # It waits for each VACUUM; if that takes too long, the rings overflow, and that is counted.
    assert assert_accounts_for(recorder, programs, executed[0]) < executed[0] / 5


@pytest.mark.thorough
@pytest.mark.alone
def test_a_reader_that_holds_its_snapshot(recorder: Recorder, programs: Path) -> None:
    """The WAL, which cannot be emptied meanwhile, grows beyond what it otherwise has at most."""
    wal = Path(f"{recorder.db}-wal")
    finish(storm(programs, 1))
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as reader:
        wait_for(lambda: recorder.events("--limit", "1"), "an event")
        reader.execute("BEGIN")
        before = reader.execute("SELECT count(*) FROM execs").fetchone()
        with load(programs, argument_bytes=809) as executed:
            wait_for(lambda: wal.stat().st_size > WAL_SIZE, "the WAL to grow")
        assert reader.execute("SELECT count(*) FROM execs").fetchone() == before
        reader.execute("ROLLBACK")
    recorder.stop()
    assert_accounts_for(recorder, programs, 1 + executed[0])


@pytest.mark.thorough
@pytest.mark.alone
def test_a_reader_that_holds_it_until_the_wal_has_grown_enough(
    record: Record, programs: Path
) -> None:
    """The WAL may take an eighth of --max-size."""
    recorder = record("--max-size", "40MB")
    wal = Path(f"{recorder.db}-wal")
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM execs").fetchone()
        with load(programs) as executed:
            wait_for(lambda: "(wal blocked)" in recorder.log, "the WAL to have grown enough")
            time.sleep(1)
        assert wal.stat().st_size < (5 + 8) * 10**6  # a batch may exceed it
        reader.execute("ROLLBACK")

    def stores_again() -> bool:
        subprocess.run(["true", "after"], check=True)
        return bool(recorder.events("--ppid", str(os.getpid()), "--arg", "after"))

    wait_for(stores_again, "an event")
    recorder.stop()
    assert assert_accounts_for(recorder, programs, executed[0]) > 0


def shown(output: Path) -> set[tuple[str, str]]:
    """(time, pid) of the whole lines that a collector has printed."""
    lines = output.read_text().splitlines(keepends=True)
    return {tuple(line.split(" ", 2)[:2]) for line in lines if line.endswith("\n")}  # type: ignore[misc]


@pytest.mark.thorough
def test_killed_at_13_moments(record: Record, programs: Path, tmp_path: Path) -> None:
    """Two databases at once: one starts while the other is recording."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    databases = [tmp_path / "a.db", tmp_path / "b.db"]
    lines: dict[Path, set[tuple[str, str]]] = {db: set() for db in databases}

    def live(db: Path, lives: int) -> None:
        moments = random.Random(f"{seed} {db.stem}")
        for number in range(lives):
            output = tmp_path / f"{db.stem}{number}"
            with output.open("w") as stdout:
                recorder = record("--print", db=db, log=output.with_suffix(".log"), stdout=stdout)
            time.sleep(moments.random() * 0.3)
            recorder.kill()
            lines[db] |= shown(output)

    with load(programs, processes=1):
        workers = [
            threading.Thread(target=live, args=(db, lives), daemon=True)
            for db, lives in zip(databases, MOMENTS, strict=True)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            join(worker, 5 * PATIENCE_S)
    no_program_is_left()
    for db, lives in zip(databases, MOMENTS, strict=True):
        record(db=db, log=tmp_path / f"{db.stem}.log").stop()
        assert_sound(db)
        assert ask(db, "SELECT ended, count(*) FROM runs GROUP BY ended ORDER BY ended DESC") == [
            ("crashed", lives),
            ("clean", 1),
        ]
        stored = {(time, str(pid)) for time, pid in ask(db, "SELECT time, pid FROM execs")}
        assert lines[db] <= stored
        assert len(lines[db]) > 100
