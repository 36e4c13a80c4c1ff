"""What runs when a collector starts: known, bounded, and never in the way."""

import json
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.conftest import EXECDB, PATIENCE_S, Recorder, finish, storm, wait_for

SLEEPERS = 5_003
UNPRIVILEGED = ("--reuid", "1000", "--regid", "1000", "--clear-groups")


@contextmanager
def sleepers(programs: Path, count: int, argument_bytes: int = 0) -> Iterator[int]:
    """So many processes of someone without rights, for the time of the block; gives their
    parent's pid."""
    command = [programs / "sleepers", str(count), str(argument_bytes)]
    with subprocess.Popen(
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
def shell() -> Iterator[subprocess.Popen[str]]:
    """A shell that does what is written to it."""
    with subprocess.Popen(["sh"], stdin=subprocess.PIPE, text=True, bufsize=1) as shell:
        yield shell
        shell.kill()


def tell(shell: subprocess.Popen[str], command: str) -> None:
    assert shell.stdin
    shell.stdin.write(command + "\n")


def seen(recorder: Recorder) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(recorder.db)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute("SELECT * FROM seen")]


def peak_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", text)[0])


@pytest.mark.parametrize("argument_bytes", [0, 49_152])
def test_thousands_that_sleep_cost_no_exec(
    record: Callable[..., Recorder], programs: Path, argument_bytes: int
) -> None:
    """While a storm goes on, and though their arguments are as long as can be."""
    with sleepers(programs, SLEEPERS, argument_bytes) as parent:
        storms = storm(programs, 30_011)
        recorder = record()
        finish(storms)
        assert peak_kb(recorder.process.pid) < 96_000
        summary = recorder.stop()
    assert ", 0 lost, " in summary
    assert "warning" not in recorder.log
    theirs = [row for row in seen(recorder) if row["ppid"] == parent]
    assert len(theirs) == SLEEPERS
    assert {row["filename"] for row in theirs} == {str(programs / "sleepers")}
    assert all(row["parent_id"] for row in theirs)
    sizes = [len(json.loads(row["argv"])[0]) for row in theirs]
    if argument_bytes:
        assert max(sizes) == argument_bytes - 1
        assert sum(sizes) < 4_000_000 + SLEEPERS * 256


def test_endless_arguments_keep_no_collector_from_starting(
    record: Callable[..., Recorder], programs: Path
) -> None:
    with sleepers(programs, 1, 300 << 20) as parent:
        recorder = record()
        assert peak_kb(recorder.process.pid) < 96_000
        recorder.stop()
    (theirs,) = [row for row in seen(recorder) if row["ppid"] == parent]
    assert (theirs["truncated"], theirs["argc"]) == (1, 49_152 - len(str(theirs["pid"])))


def test_children_of_what_runs_have_it_for_a_parent_from_the_first_exec_on(
    record: Callable[..., Recorder], programs: Path
) -> None:
    with sleepers(programs, 1_009):
        shell = subprocess.Popen(["sh", "-c", "while :; do /bin/true; done"])
        try:
            recorder = record()
        finally:
            shell.kill()
            shell.wait()
        recorder.stop()
    theirs = [event for event in recorder.events() if event["ppid"] == shell.pid]
    (row,) = [row for row in seen(recorder) if row["pid"] == shell.pid]
    assert theirs
    assert {event["parent_id"] for event in theirs} == {row["id"]}


def test_the_end_of_what_ran_before_is_on_its_row(record: Callable[..., Recorder]) -> None:
    sleeping = subprocess.Popen(["sleep", "1009"])
    recorder = record()
    sleeping.kill()
    sleeping.wait()
    recorder.stop()
    (row,) = [row for row in seen(recorder) if row["pid"] == sleeping.pid]
    assert (row["ended"], row["signal"]) == ("signal", 9)


def ran(recorder: Recorder, argument: str) -> None:
    wait_for(lambda: recorder.events("--arg", argument, "--comm", "true"), argument)


@pytest.fixture
def first(record: Callable[..., Recorder]) -> Recorder:
    return record()


def test_a_collector_that_starts_again_knows_what_it_recorded(
    first: Recorder, shell: subprocess.Popen[str], record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """A shell that two lives recorded, and what it starts in the third."""
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
    assert re.findall(": /bin/true (one|two|three)", first.run("tree", "--id", str(top["id"]))) == [
        "one",
        "two",
        "three",
    ]
    pids = [row["pid"] for row in seen(first)]
    assert shell.pid not in pids
    assert pids.count(os.getpid()) == 1
    (ours,) = [row for row in seen(first) if row["pid"] == os.getpid()]
    mine = first.events(f"--descendants-of={ours['id']}", "--comm", "true")
    assert [event["argv"][1] for event in mine] == ["one", "two", "three"]


def test_what_execd_when_nobody_looked_names_what_it_was(
    first: Recorder, shell: subprocess.Popen[str], record: Callable[..., Recorder], tmp_path: Path
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
    (now,) = [row for row in seen(first) if row["pid"] == shell.pid]
    assert (now["parent_id"], now["comm"], now["signal"]) == (before["id"], "sleep", 9)
    assert first.events("--pid", str(shell.pid)) == [before]


CHILD = "/bin/true of-the-host"


def test_in_a_pid_namespace_no_parent_is_invented(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """A process of the namespace has the pid, inside, that this test has outside."""
    inside = tmp_path / "inside"
    inside.write_text(
        f'echo {os.getpid() - 1} > /proc/sys/kernel/ns_last_pid; sleep 1009 & s=$!; "$@"; kill $s'
    )
    under = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", inside]
    recorder = record("--for", "3", under=under)
    subprocess.run(CHILD.split(), check=True)
    assert recorder.process.wait(PATIENCE_S) == 0
    (child,) = recorder.events("--arg", "of-the-host")
    assert (child["ppid"], child["parent_id"]) == (os.getpid(), None)
    assert seen(recorder) == []
    assert recorder.log.count("warning: /proc has the process ids of another PID namespace") == 1


@pytest.mark.parametrize("boottime_s", ["86400", "-7"])
def test_in_a_time_namespace_times_are_the_machines(
    record: Callable[..., Recorder], boottime_s: str
) -> None:
    under = ["unshare", "--time", "--boottime", boottime_s]  # it execs: its pid is the recorder's
    recorder = record(under=under)
    before_ns, boot_ns = time.time_ns(), time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    subprocess.run(CHILD.split(), check=True)
    after_ns = time.time_ns()
    (child,) = wait_for(lambda: recorder.events("--arg", "of-the-host"), "the child")
    assert before_ns < child["time_ns"] < after_ns
    assert 0 < child["boot_ns"] - boot_ns < after_ns - before_ns
    (ours,) = [row for row in seen(recorder) if row["pid"] == os.getpid()]
    assert child["parent_id"] == ours["id"]
    ticks = int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19])
    began_ns = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert abs(ours["boot_ns"] - began_ns) <= 10_000_000
    assert ", 0 lost, " in recorder.stop()


TWO_CAPABILITIES = ("--inh-caps", "+bpf,+perfmon", "--ambient-caps", "+bpf,+perfmon")


def open_to_all(folder: Path) -> None:
    """pytest's folders are its user's own."""
    folder.chmod(0o777)
    for above in folder.parents[:3]:
        if above.stat().st_uid == os.geteuid():
            above.chmod(above.stat().st_mode | 0o011)


def test_with_two_capabilities_what_runs_is_known_as_far_as_it_may_be_read(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    open_to_all(tmp_path)
    recorder = record(under=["setpriv", *UNPRIVILEGED, *TWO_CAPABILITIES])
    subprocess.run(CHILD.split(), check=True)
    recorder.stop()
    (child,) = recorder.events("--arg", "of-the-host")
    (ours,) = [row for row in seen(recorder) if row["pid"] == os.getpid()]
    assert child["parent_id"] == ours["id"]
    assert (ours["uid"], ours["comm"]) == (0, Path("/proc/self/comm").read_text().strip())
    assert json.loads(ours["argv"]) == Path("/proc/self/cmdline").read_text().split("\0")[:-1]
    assert (ours["filename"], ours["cwd"]) == ("", None)


def test_nothing_is_recorded_from_a_user_namespace(tmp_path: Path) -> None:
    command = [EXECDB, "--db", tmp_path / "x.db", "collect", "--for", "1"]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", *command], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (
        1,
        "execdb: recording does not work in a user namespace: run it in the machine's own, "
        "as root\n",
    )
    assert not (tmp_path / "x.db").exists()


def test_where_others_are_hidden_it_is_said(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    open_to_all(tmp_path)
    script = tmp_path / "hide"
    script.write_text('mount -t proc -o hidepid=invisible proc /proc && exec "$@"')
    hidden = ["unshare", "--mount", "sh", script]
    recorder = record(under=[*hidden, "setpriv", *UNPRIVILEGED, *TWO_CAPABILITIES])
    subprocess.run(CHILD.split(), check=True)
    recorder.stop()
    (child,) = recorder.events("--arg", "of-the-host")
    assert child["parent_id"] is None
    assert recorder.log.count("warning: /proc hides processes of others (hidepid)") == 1


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        (
            ["--pid", "--mount-proc"],
            0,
            "pid of its own, programs that ran before a start are not known: ok",
        ),
        (["--time", "--boottime", "86400"], 0, "boot time is +86400 s off, which is corrected: ok"),
        (["--user", "--map-root-user"], 1, "user of its own: NOT OK: recording does not work"),
    ],
)
def test_doctor_tells_of_namespaces(tmp_path: Path, kind: list[str], code: int, said: str) -> None:
    doctor = ["unshare", *kind, "--fork", EXECDB, "--db", tmp_path / "x.db", "doctor"]
    done = subprocess.run(doctor, capture_output=True, text=True, timeout=PATIENCE_S)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("namespaces")]
    assert said in line
    assert done.returncode == code
