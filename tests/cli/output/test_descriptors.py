"""stdin, stdout and stderr as others leave them to us: non-blocking, without a reader, full."""

import fcntl
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.database import open_database
from tests.conftest import EXECDB, START_NS, an_exec, counts, recorded
from tests.processes.process import Process

Execdb = Callable[..., subprocess.CompletedProcess[str]]


def non_blocking() -> tuple[int, int]:
    """A pipe as node, ssh and asyncio leave it behind."""
    read, write = os.pipe()
    for fd in (read, write):
        fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) | os.O_NONBLOCK)
    return read, write


@pytest.fixture
def large(db: Path) -> Path:
    with open_database(db) as database:
        events = [an_exec(n, argv=("x" * 997, str(n))) for n in range(503)]
        recorded(database, events).finish(START_NS + 10**9, counts(503))
    return db


@pytest.mark.parametrize("format", ["ndjson", "line"])
def test_a_slow_reader_of_a_non_blocking_pipe_gets_the_whole_answer(
    execdb: Execdb, large: Path, format: str
) -> None:
    expected = execdb("query", "--format", format).stdout.encode()
    assert len(expected) > 65_536
    read, write = non_blocking()
    with Process(
        [EXECDB, "query", "--format", format], stdout=write, stderr=subprocess.PIPE
    ) as process:
        os.close(write)
        assert process.stderr
        found = b""
        while len(found) < len(expected):
            try:
                part = os.read(read, 8_191)
            except BlockingIOError:
                time.sleep(0.001)
                continue
            if not part:
                break
            found += part
        assert process.stderr.read() == b""
    assert process.returncode == 0
    assert found == expected
    os.close(read)


@pytest.mark.parametrize("command", ["query --format ndjson", "replay --speed 1000000"])
def test_an_interrupt_ends_an_answer_that_nobody_reads(large: Path, command: str) -> None:
    read, write = os.pipe()
    with Process([EXECDB, *command.split()], stdout=write) as process:
        while select.select([], [write], [], 0)[1]:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_page_whose_url_nobody_reads(db: Path, number: signal.Signals) -> None:
    read, write = os.pipe()
    os.write(write, bytes(fcntl.fcntl(write, fcntl.F_GETPIPE_SZ)))
    with Process([EXECDB, "web", "--port", "0"], stdout=write) as process:
        while not catches(process.pid, signal.SIGTERM):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait() == 130
    os.close(read)
    os.close(write)


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> number - 1 & 1)


def test_an_import_waits_for_a_non_blocking_stdin(
    execdb: Execdb, large: Path, tmp_path: Path
) -> None:
    lines = execdb("query", "--format", "ndjson").stdout.encode()
    read, write = non_blocking()
    with Process(
        [EXECDB, "--db", tmp_path / "other.db", "import", "-"],
        stdin=read,
        stdout=subprocess.PIPE,
    ) as process:
        os.close(read)
        time.sleep(0.2)  # it finds nothing yet
        os.set_blocking(write, True)
        for start in range(0, len(lines), 99_991):
            os.write(write, lines[start : start + 99_991])
        os.close(write)
        assert process.stdout
        assert process.stdout.read() == b"imported 503 execs, 0 were there already\n"
    assert process.returncode == 0


@pytest.mark.parametrize(
    "command",
    ["--help", "query --help", "--version", "status", "config list", "coverage", "tree --help"],
)
def test_a_reader_that_has_gone_already(db: Path, command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [EXECDB, *command.split()], stdout=write, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["--help", "--version", "status", "config list", "query"])
def test_a_full_disk_under_the_answer(large: Path, command: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [EXECDB, *command.split()], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "execdb: No space left on device\n")


def test_a_note_that_cannot_be_said_costs_no_answer(large: Path) -> None:
    for stderr in ("2>/dev/full", "2>&1 >&3 | true"):
        done = subprocess.run(
            ["bash", "-c", f"exec 3>&1; '{EXECDB}' query --count --since 1d {stderr}"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        assert done.stdout == "0\n"
