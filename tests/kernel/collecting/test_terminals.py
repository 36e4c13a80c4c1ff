"""Terminals, pipes and logs that are stopped, slow, full or gone: none of them is waited for."""

import os
import pty
import signal
import sqlite3
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.bpf_state import bpftool, held_map
from tests.kernel.collecting.test_room import tmpfs
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process
from tests.running.thorough import first

END_S = 30  # more than a clean end takes on a busy machine; what waits for a reader takes for ever


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "execdb.db"


@contextmanager
def collecting(db: Path, *options: str, **popen: Any) -> Iterator[Process[bytes]]:
    process = Process([EXECDB, "--db", db, "collect", *options], **popen)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def stored(db: Path, mark: str) -> bool:
    """Whether an exec with this argument is stored, of those that there are from now on."""
    mark = f"{mark}-{os.getpid()}"  # other tests may use the same word at the same time
    subprocess.run(["true", mark], check=True)
    with closing(sqlite3.connect(db)) as connection:
        query = "SELECT count(*) FROM execs WHERE argv = ?"
        try:
            return bool(connection.execute(query, (f'["true", "{mark}"]',)).fetchone()[0])
        except sqlite3.OperationalError:  # it is only being made
            return False


def provoke_a_warning(process: Process[bytes]) -> None:
    held = held_map(process.pid, "config").id
    bpftool("map", "update", "id", held, "key", "5", "0", "0", "0", "value", *["65"] * 12)
    wait_for(lambda: not bpftool("map", "dump", "id", held), "the map to be restored")


def ends(process: Process[bytes], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(END_S)


@pytest.mark.parametrize("number", first(1, [signal.SIGTERM, signal.SIGINT]))
def test_a_stopped_terminal_stops_neither_recording_nor_its_end(db: Path, number: int) -> None:
    ours, theirs = pty.openpty()  # which nobody reads
    with collecting(db, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        wait_for(lambda: stored(db, "before"), "the first exec")
        termios.tcflow(theirs, termios.TCOOFF)  # what Ctrl-S does
        for count in range(503):
            subprocess.run(["true", "x" * 997, str(count)], check=True)
        provoke_a_warning(process)
        wait_for(lambda: stored(db, "after"), "an exec after the warning")
        assert ends(process, number) == 0
    with closing(sqlite3.connect(db)) as connection:
        assert connection.execute("SELECT lost, ended FROM runs").fetchone() == (0, "clean")
    termios.tcflow(theirs, termios.TCOON)
    os.close(theirs)
    os.close(ours)


def full_pipe() -> tuple[int, int]:
    read, write = os.pipe()
    os.set_blocking(write, False)
    try:
        while True:
            os.write(write, b"x" * 4_096)
    except BlockingIOError:
        os.set_blocking(write, True)
    return read, write


def test_a_log_that_nobody_reads_is_told_later_what_it_missed(db: Path) -> None:
    read, write = full_pipe()
    with collecting(db, stderr=write, stdout=subprocess.DEVNULL) as process:
        os.close(write)
        wait_for(lambda: stored(db, "before"), "the first exec")
        provoke_a_warning(process)
        wait_for(lambda: stored(db, "after"), "an exec after the warning")
        said = b""
        while b"restored" not in said:
            part = os.read(read, 65_536)
            assert part, said  # it has ended
            said = (said + part).lstrip(b"x")
        assert said.startswith(b"recording to ")
        assert ends(process) == 0
        os.close(read)


@pytest.mark.thorough
def test_a_failure_that_nobody_reads_ends_in_time(
    db: Path, record: Callable[..., Recorder]
) -> None:
    record(db=db)
    read, write = full_pipe()
    with collecting(db, stderr=write, stdout=subprocess.DEVNULL) as process:
        assert process.wait(PATIENCE_S) == 1
    os.close(read)
    os.close(write)


@pytest.mark.thorough
def test_a_log_whose_reader_is_gone_ends_nothing(db: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with collecting(db, stderr=write, stdout=subprocess.DEVNULL) as process:
        os.close(write)
        wait_for(lambda: stored(db, "before"), "the first exec")
        provoke_a_warning(process)
        wait_for(lambda: stored(db, "after"), "an exec after the warning")
        assert ends(process) == 0


@pytest.mark.thorough
def test_a_non_blocking_pipe_that_is_read_late_shows_everything(db: Path, tmp_path: Path) -> None:
    read, write = os.pipe()
    os.set_blocking(write, False)
    log = tmp_path / "log"
    with log.open("w") as err, collecting(db, "--print", stdout=write, stderr=err) as process:
        os.close(write)
        wait_for(lambda: stored(db, "before"), "the first exec")
        for count in range(97):
            subprocess.run(["true", "x" * 2_003, str(count)], check=True)
        wait_for(lambda: stored(db, "after"), "an exec after those")
        process.terminate()
        shown = b""
        while part := os.read(read, 65_536):
            shown += part
        assert process.wait(END_S) == 0
    for count in range(97):
        assert f"xx {count}\n".encode() in shown
    assert "not shown" not in log.read_text()
    os.close(read)


def test_a_full_disk_under_what_is_shown_is_warned_of_once(db: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with (
        open("/dev/full", "w") as full,
        log.open("w") as err,
        collecting(db, "--print", stdout=full, stderr=err) as process,
    ):
        wait_for(lambda: stored(db, "before"), "the first exec")
        wait_for(lambda: "stdout takes nothing" in log.read_text(), "the warning")
        time.sleep(1.5)  # it has tried again
        wait_for(lambda: stored(db, "after"), "an exec after the warning")
        assert ends(process) == 0
    said = log.read_text()
    assert said.count("warning: stdout takes nothing (No space left on device)") == 1
    assert "execs recorded but not shown" in said
    assert ", 0 lost, " in said


@pytest.mark.thorough
def test_showing_goes_on_where_the_disk_has_room_again(db: Path, tmp_path: Path) -> None:
    with tmpfs(tmp_path / "disk", 64) as folder:  # then room for what others start meanwhile
        ballast, shown, log = folder / "ballast", folder / "shown", tmp_path / "log"
        ballast.write_bytes(b"x" * ((64 << 20) - 32_768))
        with (
            shown.open("w") as out,
            log.open("w") as err,
            collecting(db, "--print", "--format", "ndjson", stdout=out, stderr=err) as process,
        ):
            wait_for(lambda: stored(db, "before"), "the first exec")
            for count in range(97):
                subprocess.run(["true", "x" * 997, str(count)], check=True)
            wait_for(lambda: "stdout takes nothing" in log.read_text(), "the warning")
            ballast.unlink()
            wait_for(lambda: '"96"]' in shown.read_text(), "the last of them to be shown")
            assert ends(process) == 0
        lines = shown.read_text().splitlines()
        assert all(line.startswith("{") and line.endswith("}") for line in lines)
        assert [f'"{count}"], ' in "".join(lines) for count in range(97)] == [True] * 97


IN_THE_BACKGROUND = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(2, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
mode = termios.tcgetattr(2)
mode[3] |= termios.TOSTOP
termios.tcsetattr(2, termios.TCSANOW, mode)
signal.signal(signal.SIGTTOU, signal.SIG_DFL)
os.tcsetpgrp(2, os.getpgrp())
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.execv(sys.argv[1], sys.argv[1:])
signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGTERM))
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.thorough
def test_a_terminal_that_stops_what_writes_in_the_background_does_not_stop_it(db: Path) -> None:
    """As `stty tostop; execdb collect &` has it."""
    ours, theirs = pty.openpty()
    command = [EXECDB, "--db", db, "collect"]
    with Process(
        [sys.executable, "-c", IN_THE_BACKGROUND, *command],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        try:
            wait_for(lambda: stored(db, "before"), "the first exec")
            wait_for(lambda: b"true before" in os.read(ours, 65_536), "it to be shown")
            wait_for(lambda: stored(db, "after"), "an exec after that")
            process.terminate()
            assert process.wait(END_S) == 0
        finally:
            for child in children(process.pid):
                os.kill(child, signal.SIGKILL)
            process.kill()
    os.close(ours)


def children(pid: int) -> list[int]:
    try:
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]
    except OSError:  # it has ended
        return []
