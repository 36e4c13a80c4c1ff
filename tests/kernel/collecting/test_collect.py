"""From an exec on this kernel to a row in the database."""

import os
import pty
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.kernel.conftest import (
    EXECDB,
    PATIENCE_S,
    Recorder,
    finish,
    no_program_is_left,
    programs_of,
    storm,
    storm_events,
    wait_for,
)


def _as(uid: int, *command: str) -> None:
    subprocess.run(["setpriv", "--reuid", str(uid), "--clear-groups", *command], check=True)


def test_prints_the_books_lines(record: Callable[..., Recorder], tmp_path: Path) -> None:
    db = tmp_path / "execdb.db"
    subprocess.run([EXECDB, "--db", db, "config", "set", "0", "Hey root!"], check=True)
    recorder = record()
    recorder.run("config", "set", "501", "Hi user 501!")
    subprocess.run(["ls", "/"], check=True, stdout=subprocess.DEVNULL)
    _as(501, "true")
    _as(1000, "true")
    recorder.stop()

    lines = [
        line.split(" ", 1)[1] for line in recorder.run("query", "--format", "plain").splitlines()
    ]
    assert "0 ls Hey root!" in lines
    assert "501 true Hi user 501!" in lines
    assert "1000 true Hello World" in lines


def test_filters_by_user(recorder: Recorder) -> None:
    for uid in (501, 1, 501):
        _as(uid, "true")
    recorder.stop()

    assert {event["uid"] for event in recorder.events("--uid", "0")} == {0}
    here = ("--ppid", str(os.getpid()))
    found = recorder.events("--uid", "501", *here)
    assert [event["comm"] for event in found] == ["true", "true"]
    assert [event["uid"] for event in recorder.events("--uid", "daemon", *here)] == [1]


def test_stores_every_exec_of_a_storm_in_order(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record()
    storms = storm(programs, 5003, 5004)
    finish(storms)
    summary = recorder.stop()

    assert ", 0 lost, " in summary
    events = storm_events(recorder, programs)
    assert len(events) == 10_007
    times = [event["boot_ns"] for event in recorder.events()]
    assert times == sorted(times)
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
    assert run["stored"] == len(recorder.events())
    assert run["seen"] >= 1012 + 2


def _runs(db: Path) -> list[dict[str, object]]:
    with sqlite3.connect(db) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM runs ORDER BY run_id")]


def test_survives_kill_in_the_middle_of_a_storm(
    record: Callable[..., Recorder], programs: Path
) -> None:
    shown: set[tuple[int, int]] = set()
    for _ in range(11):
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
    assert [run["ended"] for run in _runs(last.db)] == ["crashed"] * 11 + ["clean"]
    blind = [each for each in last.coverage() if each["kind"] == "blind"]
    # A life that was killed before it stored anything makes one stretch of those around it.
    *crashes, after = [each["why"] for each in blind]
    assert 0 < len(crashes) <= 11
    assert (set(crashes), after) == ({"crash"}, "no collector")
    assert {each["events"] for each in blind} == {0}


def test_nothing_stays_attached_after_a_clean_end(recorder: Recorder) -> None:
    assert "on_exec" in {each["name"] for each in programs_of(recorder.process.pid)}
    recorder.stop(signal.SIGINT)
    no_program_is_left()


def test_says_how_to_stop_it_where_ctrl_c_does_not(record: Callable[..., Recorder]) -> None:
    recorder = record(under=["sh", "-c", 'trap "" INT; exec "$@"', "sh"])
    assert f"(kill {recorder.process.pid} to stop)" in recorder.log
    recorder.process.send_signal(signal.SIGINT)
    recorder.stop(signal.SIGTERM)


def test_refuses_a_second_collector(recorder: Recorder) -> None:
    done = subprocess.run(
        [EXECDB, "--db", recorder.db, "collect"], capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"execdb: another collector (pid {recorder.process.pid}) already records to {recorder.db}\n"
    )


def test_stops_by_itself_after_the_time_asked_for(tmp_path: Path) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [EXECDB, "--db", tmp_path / "a.db", "collect", "--for", "0.3"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0
    assert done.stdout == ""
    assert "execs in 0." in done.stderr
    assert time.monotonic() - started > 0.3


def test_a_reader_that_goes_away_ends_showing_alone(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [EXECDB, "--db", tmp_path / "a.db", "collect", "--print", "--format", "plain"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()  # recording
    subprocess.run(["true"], check=True)
    assert process.stdout.readline()
    process.stdout.close()
    assert_recording_continues(process, tmp_path / "a.db")


def test_a_terminal_that_vanishes_ends_showing_alone(tmp_path: Path) -> None:
    """Not one that controls the process: that one sends SIGHUP."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [EXECDB, "--db", tmp_path / "a.db", "collect"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    os.close(theirs)
    assert process.stderr is not None
    process.stderr.readline()  # recording
    os.close(ours)
    assert_recording_continues(process, tmp_path / "a.db")


def assert_recording_continues(process: subprocess.Popen[bytes], db: Path) -> None:
    """Though nobody reads what it shows."""
    assert process.stderr is not None
    subprocess.run(["true", "unseen"], check=True)  # what is to be shown tells it
    assert process.stderr.readline().startswith(b"warning: nobody reads stdout any more")
    subprocess.run(["true", "afterwards"], check=True)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b" 0 lost, " in err
    assert b"not shown" not in err
    query = [EXECDB, "--db", db, "query", "--count", "--arg", "afterwards"]
    assert subprocess.run(query, capture_output=True, check=True).stdout == b"1\n"


def test_shows_execs_on_a_terminal_with_nothing_raw(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [EXECDB, "--db", tmp_path / "a.db", "collect"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
    )
    os.close(theirs)
    assert process.stderr is not None
    process.stderr.readline()
    subprocess.run(["true", "\x1b[31mred", "[red]", b"\x9b\xff", "a\nb"], check=True)
    shown = b""
    while b"[red]" not in shown or not shown.endswith(b"\r\n"):
        shown += os.read(ours, 65536)
    process.terminate()
    process.wait()
    os.close(ours)
    process.stderr.close()
    line = next(part for part in shown.split(b"\r\n") if b"[red]" in part)
    assert line.endswith(rb"true $'\x1b[31mred' '[red]' $'\x9b\xff' $'a\nb'")
    assert not any(byte < 32 or byte >= 127 for byte in line)


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


def test_needs_privileges_and_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        ["setpriv", "--bounding-set", "-all", EXECDB, "--db", tmp_path / "a.db", "collect"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert done.stderr == ("execdb: recording needs root (or CAP_BPF and CAP_PERFMON): try sudo\n")
    assert not (tmp_path / "a.db").exists()


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
    """Recording goes on, and nothing is lost, though nothing can be stored for a while."""
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
