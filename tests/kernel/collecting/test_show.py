"""What `collect` shows while it records, and what happens when nobody reads it."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.recorder import EXECDB, Recorder
from tests.processes.process import Process


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


def test_a_reader_that_goes_away_ends_showing_alone(tmp_path: Path) -> None:
    process = Process(
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


@pytest.mark.thorough
def test_a_terminal_that_vanishes_ends_showing_alone(tmp_path: Path) -> None:
    """Not one that controls the process: that one sends SIGHUP."""
    ours, theirs = pty.openpty()
    process = Process(
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


def assert_recording_continues(process: Process[bytes], db: Path) -> None:
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
    query = [EXECDB, "--db", db, "query", "--count", "--arg", "afterwards", f"ppid={os.getpid()}"]
    assert subprocess.run(query, capture_output=True, check=True).stdout == b"1\n"


def test_shows_execs_on_a_terminal_with_nothing_raw(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = Process(
        [EXECDB, "--db", tmp_path / "a.db", "collect", f"ppid={os.getpid()}"],
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        env={**os.environ, "COLUMNS": "200"},
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


def test_terms_choose_what_is_shown_and_all_is_recorded(tmp_path: Path) -> None:
    db, own = tmp_path / "a.db", f"ppid={os.getpid()}"
    process = Process(
        [EXECDB, "--db", db, "collect", "--print", "--format", "ndjson", own, "argv=*shown*"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()
    for argument in ("shown1", "hidden", "shown2"):
        subprocess.run(["true", argument], check=True)
    process.terminate()
    out, err = process.communicate(timeout=60)
    assert " 0 lost, " in err
    shown = [json.loads(line) for line in out.splitlines()]
    assert [event["argv"][1] for event in shown] == ["shown1", "shown2"]
    query = [EXECDB, "--db", db, "query", "--format", "ndjson", own]
    answer = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    stored = [json.loads(line) for line in answer.splitlines()]
    assert {"shown1", "hidden", "shown2"} <= {event["argv"][-1] for event in stored}
    parents = {event["id"]: event["parent_id"] for event in stored}
    assert [event["parent_id"] for event in shown] == [parents[event["id"]] for event in shown]
    assert None not in parents.values()
