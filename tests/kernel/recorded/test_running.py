"""Programs that run already when a collector starts: known, in bounded memory and time."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kernel.ground_truth import finish, storm
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process
from tests.running.thorough import first

SLEEPERS = 2_503
UNPRIVILEGED = ("--reuid", "1000", "--regid", "1000", "--clear-groups")


@contextmanager
def sleepers(programs: Path, count: int, argument_bytes: int = 0) -> Iterator[int]:
    """Starts this many processes of an unprivileged user, which end with the block. Gives the pid
    of their parent."""
    command = [programs / "sleepers", str(count), str(argument_bytes)]
    with Process(
        ["setpriv", *UNPRIVILEGED, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == "ready\n"
        try:
            yield process.pid
        finally:
            process.stdin.close()


@pytest.fixture
def shell() -> Iterator[Process[str]]:
    """A shell that reads commands from a pipe."""
    with Process(["sh"], stdin=subprocess.PIPE, text=True, bufsize=1) as shell:
        yield shell
        shell.kill()


def tell(shell: Process[str], command: str) -> None:
    assert shell.stdin
    shell.stdin.write(command + "\n")


def peak_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0])


@pytest.mark.alone
@pytest.mark.parametrize("argument_bytes", first(1, [0, 49_152]))
def test_thousands_that_sleep_cost_no_exec(
    record: Callable[..., Recorder], programs: Path, argument_bytes: int
) -> None:
    """During a storm of execs, and even if their arguments are as long as possible."""
    with sleepers(programs, SLEEPERS, argument_bytes) as parent:
        storms = storm(programs, 5_003)
        recorder = record()
        finish(storms)
        assert peak_kb(recorder.process.pid) < 96_000
        summary = recorder.stop()
    assert ", 0 lost, " in summary
    assert "warning" not in recorder.log
    theirs = [row for row in recorder.seen() if row["ppid"] == parent]
    assert len(theirs) == SLEEPERS
    assert {row["filename"] for row in theirs} == {str(programs / "sleepers")}
    assert all(row["parent_id"] for row in theirs)
    sizes = [len(json.loads(row["argv"])[0]) for row in theirs]
    if argument_bytes:
        assert max(sizes) == argument_bytes - 1
        assert sum(sizes) < 4_000_000 + SLEEPERS * 256


@pytest.mark.thorough
def test_endless_arguments_keep_no_collector_from_starting(
    record: Callable[..., Recorder], programs: Path
) -> None:
    with sleepers(programs, 1, 300 << 20) as parent:
        recorder = record()
        assert peak_kb(recorder.process.pid) < 96_000
        recorder.stop()
    (theirs,) = [row for row in recorder.seen() if row["ppid"] == parent]
    assert (theirs["truncated"], theirs["argc"]) == (1, 49_152 - len(str(theirs["pid"])))


def test_children_of_what_runs_have_it_for_a_parent_from_the_first_exec_on(
    record: Callable[..., Recorder], programs: Path
) -> None:
    with sleepers(programs, 1_009):
        shell = Process(["sh", "-c", "while :; do /bin/true; done"])
        try:
            recorder = record()
        finally:
            shell.kill()
            shell.wait()
        recorder.stop()
    theirs = [event for event in recorder.events() if event["ppid"] == shell.pid]
    (row,) = [row for row in recorder.seen() if row["pid"] == shell.pid]
    assert theirs
    assert {event["parent_id"] for event in theirs} == {row["id"]}


def test_the_end_of_what_ran_before_is_on_its_row(record: Callable[..., Recorder]) -> None:
    sleeping = Process(["sleep", "1009"])
    recorder = record()
    sleeping.kill()
    sleeping.wait()
    recorder.stop()
    (row,) = [row for row in recorder.seen() if row["pid"] == sleeping.pid]
    assert (row["ended"], row["signal"]) == ("signal", 9)


def ran(recorder: Recorder, argument: str) -> None:
    wait_for(lambda: recorder.ours("true", argument), argument)


@pytest.fixture
def first(record: Callable[..., Recorder]) -> Recorder:
    return record()


def test_a_collector_that_starts_again_knows_what_it_recorded(
    first: Recorder, shell: Process[str], record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """A shell that two runs recorded, and what it starts in the third run."""
    tell(shell, "/bin/true one")
    ran(first, "one")
    first.stop()
    second = record(db=first.db, log=tmp_path / "second.log")
    tell(shell, "/bin/true two")
    ran(second, "two")
    second.kill()  # it cannot say farewell
    third = record(db=first.db, log=tmp_path / "third.log")
    tell(shell, "exec /bin/sh -c '/bin/true three; exit 7'")
    assert shell.wait(PATIENCE_S) == 7
    third.stop()

    top, after = first.events("--pid", str(shell.pid))
    assert (top["ended"], after["ended"], after["exit_code"]) == ("exec", "exit", 7)
    assert after["parent_id"] == top["id"]
    below = first.events("--descendants-of", str(top["id"]), "--comm", "true")
    assert [event["argv"][1] for event in below] == ["one", "two", "three"]
    assert re.findall(
        ": /bin/true (one|two|three)", first.run("tree", "--wide", "--id", str(top["id"]))
    ) == [
        "one",
        "two",
        "three",
    ]
    pids = [row["pid"] for row in first.seen()]
    assert shell.pid not in pids
    assert pids.count(os.getpid()) == 1
    (ours,) = [row for row in first.seen() if row["pid"] == os.getpid()]
    mine = first.events(f"--descendants-of={ours['id']}", "--comm", "true")
    assert [event["argv"][1] for event in mine] == ["one", "two", "three"]


@pytest.mark.thorough
def test_what_execd_when_nobody_looked_names_what_it_was(
    first: Recorder, shell: Process[str], record: Callable[..., Recorder], tmp_path: Path
) -> None:
    (before,) = wait_for(lambda: first.events("--pid", str(shell.pid)), "the shell")
    first.stop()
    tell(shell, "exec sleep 1009")
    name = Path(f"/proc/{shell.pid}/comm")
    wait_for(lambda: name.read_text() == "sleep\n", "the exec of the shell")
    second = record(db=first.db, log=tmp_path / "second.log")
    shell.kill()
    shell.wait()
    second.stop()
    (now,) = [row for row in first.seen() if row["pid"] == shell.pid]
    assert (now["parent_id"], now["comm"], now["signal"]) == (before["id"], "sleep", 9)
    assert first.events("--pid", str(shell.pid)) == [before]
