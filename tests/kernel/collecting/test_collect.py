"""From an exec on this kernel to a row in the database."""

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.bpf_state import no_program_is_left
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process

KILLS = 3  # tests/kernel/hostile/test_faults.py has more


def _as(uid: int, *command: str) -> None:
    subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", *command], check=True)


def test_filters_by_user(recorder: Recorder) -> None:
    for uid in (501, 1, 501):
        _as(uid, "true")
    recorder.stop()

    assert {event["uid"] for event in recorder.events("--uid", "0")} == {0}
    here = ("--ppid", str(os.getpid()))
    found = recorder.events("--uid", "501", *here)
    assert [event["comm"] for event in found] == ["true", "true"]
    assert [event["uid"] for event in recorder.events("--uid", "daemon", *here)] == [1]


@pytest.mark.alone
def test_stores_every_exec_of_a_storm_in_order(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record()
    storms = storm(programs, 5003, 5004)
    finish(storms)
    summary = recorder.stop()

    assert ", 0 lost, " in summary
    everything = recorder.events("--replays")
    times = [event["boot_ns"] for event in everything]
    assert times == sorted(times)
    events = [event for event in everything if event["filename"] == str(programs / "nothing")]
    assert len(events) == 10_007
    for process, count in zip(storms, (5003, 5004), strict=True):
        numbers = [int(e["argv"][1]) for e in events if e["ppid"] == process.pid]
        assert numbers == list(range(count))
    with sqlite3.connect(recorder.db) as connection:
        seen, stored, filtered, lost, ended = connection.execute(
            "SELECT seen, stored, filtered, lost, ended FROM runs"
        ).fetchone()
    assert (seen, filtered, lost, ended) == (stored, 0, 0, "clean")
    assert stored == len(times)


def test_counts_what_a_full_ring_loses(record: Callable[..., Recorder], programs: Path) -> None:
    recorder = record("--ring-pages", "1")
    recorder.process.send_signal(signal.SIGSTOP)
    finish(storm(programs, 503, 509))
    recorder.process.send_signal(signal.SIGCONT)
    recorder.stop()

    (run,) = _runs(recorder.db)
    assert run["lost"] > 500
    assert run["seen"] == run["stored"] + run["lost"]
    assert run["stored"] == len(recorder.events("--replays"))
    assert run["seen"] >= 1012 + 2


def _runs(db: Path) -> list[dict[str, object]]:
    with sqlite3.connect(db) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM runs ORDER BY run_id")]


def test_survives_kill_in_the_middle_of_a_storm(
    record: Callable[..., Recorder], programs: Path
) -> None:
    shown: set[tuple[int, int]] = set()
    for _ in range(KILLS):
        recorder = record()
        storms = storm(programs, 1009, 1013)
        shown |= {(e["boot_ns"], e["pid"]) for e in recorder.events()}
        recorder.kill()
        finish(storms)
        with sqlite3.connect(recorder.db) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert shown <= {(e["boot_ns"], e["pid"]) for e in recorder.events()}
        no_program_is_left()
    last = record()
    last.stop()
    assert [run["ended"] for run in _runs(last.db)] == ["crashed"] * KILLS + ["clean"]
    blind = [each for each in last.coverage() if each["kind"] == "blind"]
    # A run that was killed before it stored anything is part of one blind period around it.
    *crashes, after = [each["why"] for each in blind]
    assert 0 < len(crashes) <= KILLS
    assert (set(crashes), after) == ({"crash"}, "no collector")
    assert {each["events"] for each in blind} == {0}


@pytest.mark.thorough
def test_every_exec_lies_in_recorded_time_however_slow_the_start_is(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """Each bpf() call is held up as it returns, that which attaches the program as well."""
    busy = Process(["sh", "-c", "while :; do /bin/true; done"])
    slow = ["strace", "-D", "-f", "-o", tmp_path / "calls", "-e", "trace=bpf"]
    try:
        recorder = record(under=[*slow, "-e", "inject=bpf:delay_exit=20000"])
        wait_for(lambda: recorder.events("--ppid", str(busy.pid)), "an event")
    finally:
        busy.kill()
        busy.wait()
    recorder.stop()
    (run,) = _runs(recorder.db)
    first_ns = min(event["time_ns"] for event in recorder.events("--replays"))
    assert run["started_ns"] <= first_ns


def test_works_without_tracefs_and_debugfs(tmp_path: Path) -> None:
    hide = "mount -t tmpfs none /sys/kernel/debug; mount -t tmpfs none /sys/kernel/tracing"
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", f'{hide}; "$0" --db "$1" collect --for 0.5; true', EXECDB,
         tmp_path / "a.db"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )  # fmt: skip
    assert "recorded" in done.stderr, done.stderr


def test_doctor_is_content_with_this_machine(tmp_path: Path) -> None:
    doctor = [EXECDB, "--db", tmp_path / "a.db", "doctor"]
    done = subprocess.run(doctor, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout
    assert all(line.endswith(": ok") for line in done.stdout.splitlines())
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-all", *doctor],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert "privileges  uid 0: NOT OK: run as root" in done.stdout


def test_waits_for_another_program_that_holds_the_write_lock(
    recorder: Recorder, programs: Path
) -> None:
    """Recording continues and nothing is lost, although nothing can be stored for a while."""
    subprocess.run(["true", "before"], check=True)
    wait_for(lambda: recorder.events("--arg", "before"), "the first event")
    with closing(sqlite3.connect(recorder.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        finish(storm(programs, 503))
        time.sleep(2)
        assert len(storm_events(recorder, programs)) == 0
        other.execute("ROLLBACK")
    wait_for(lambda: len(storm_events(recorder, programs)) == 503, "what had waited")
    assert ", 0 lost, " in recorder.stop()
