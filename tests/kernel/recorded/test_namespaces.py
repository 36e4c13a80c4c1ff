"""A collector in its own namespaces, or with few rights, records correctly or says why not."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.others import others_can_run_it
from tests.running.thorough import first

UNPRIVILEGED = ("--reuid", "1000", "--regid", "1000", "--clear-groups")


CHILD = "/bin/true of-the-host"


def test_in_a_pid_namespace_no_parent_is_invented(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    """A process in the namespace has the same pid there as this test has outside."""
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
    assert recorder.seen() == []
    assert recorder.log.count("warning: /proc has the process ids of another PID namespace") == 1


@pytest.mark.parametrize("boottime_s", first(1, ["86400", "-7"]))
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
    (ours,) = [row for row in recorder.seen() if row["pid"] == os.getpid()]
    assert child["parent_id"] == ours["id"]
    ticks = int(Path("/proc/self/stat").read_text().rpartition(") ")[2].split()[19])
    began_ns = ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    assert abs(ours["boot_ns"] - began_ns) <= 10_000_000
    assert ", 0 lost, " in recorder.stop()


TWO_CAPABILITIES = ("--inh-caps", "+bpf,+perfmon", "--ambient-caps", "+bpf,+perfmon")


@others_can_run_it
def test_with_two_capabilities_what_runs_is_known_as_far_as_it_may_be_read(
    record: Callable[..., Recorder], reachable: Path
) -> None:
    reachable.chmod(0o777)
    recorder = record(
        db=reachable / "execdb.db", under=["setpriv", *UNPRIVILEGED, *TWO_CAPABILITIES]
    )
    subprocess.run(CHILD.split(), check=True)
    recorder.stop()
    (child,) = recorder.events("--arg", "of-the-host")
    (ours,) = [row for row in recorder.seen() if row["pid"] == os.getpid()]
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


@pytest.mark.thorough
@others_can_run_it
def test_where_others_are_hidden_it_is_said(
    record: Callable[..., Recorder], reachable: Path
) -> None:
    reachable.chmod(0o777)
    script = reachable / "hide"
    script.write_text('mount -t proc -o hidepid=invisible proc /proc && exec "$@"')
    hidden = ["unshare", "--mount", "sh", script]
    recorder = record(
        db=reachable / "execdb.db", under=[*hidden, "setpriv", *UNPRIVILEGED, *TWO_CAPABILITIES]
    )
    subprocess.run(CHILD.split(), check=True)
    recorder.stop()
    (child,) = recorder.events("--arg", "of-the-host")
    assert child["parent_id"] is None
    assert recorder.log.count("warning: /proc hides processes of others (hidepid)") == 1


@pytest.mark.thorough
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
