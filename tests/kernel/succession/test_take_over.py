"""One collector takes over from another one: nothing is missing, nothing is there twice."""

import json
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from execdb.store.file.locks.claim import accept
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import EXECDB, PATIENCE_S, Recorder, wait_for
from tests.others import others_can_run_it
from tests.processes.process import Process, join

Record = Callable[..., Recorder]


def test_each_exec_of_a_storm_once_with_parent_and_end(record: Record) -> None:
    first = record()
    done = threading.Event()
    count = 0

    def storm() -> None:
        nonlocal count
        while not done.is_set():
            subprocess.run(["sh", "-c", f"true n{count}; exec sleep 0"], check=True)
            count += 1

    with Process(["sh", "-c", "read _; true long"], stdin=subprocess.PIPE) as long:
        thread = threading.Thread(target=storm, daemon=True)
        thread.start()
        wait_for(lambda: first.ours("sh"), "the storm")
        second = record("--take-over", log=first.db.with_name("second.log"))
        assert first.process.wait(PATIENCE_S) == 0
        wait_for(lambda: count > 100, "more of the storm")
        subprocess.run(["true", "late"], check=True)
        done.set()
        join(thread)
        wait_for(lambda: second.ours("true", "late"), "the last exec")
        long.terminate()
    summary = second.stop()
    events = second.events("--replays")
    shells = [e for e in second.ours("sh") if e["argv"][2].startswith("true n")]
    numbers = Counter(int(e["argv"][2].split()[1][1:-1]) for e in shells)
    assert numbers == Counter(range(count))
    ids = {e["id"] for e in events}
    sleeps = second.ours("sleep", "0")
    assert len(sleeps) == count
    assert {e["parent_id"] for e in sleeps} == {e["id"] for e in shells}
    assert {e["ended"] for e in shells} == {"exec"}
    assert {e["exit_code"] for e in sleeps} == {0}
    (ended,) = [e for e in second.ours("sh") if e["argv"][2].endswith("long")]
    assert ended["signal"] == signal.SIGTERM
    assert ", 0 lost, " in summary
    assert len(ids) == len(events)
    first_run, second_run, _ = second.coverage()  # the last one is from the end until now
    assert (first_run["kind"], second_run["kind"]) == ("recorded", "recorded")
    assert first_run["to_ns"] == second_run["from_ns"]
    runs = json.loads(second.run("sql", "--format", "json", "SELECT * FROM runs"))
    assert {run["ended"] for run in runs} == {"clean"}
    assert sum(run["stored"] for run in runs) == len(events)
    assert all(run["seen"] == run["stored"] for run in runs), runs


@pytest.mark.thorough
@pytest.mark.alone
def test_a_storm_as_fast_as_it_can_be(record: Record, programs: Path) -> None:
    counts = (12_007, 12_011)
    first = record()
    storms = storm(programs, *counts)
    second = record("--take-over", log=first.db.with_name("second.log"))
    assert first.process.wait(PATIENCE_S) == 0
    assert {each.poll() for each in storms} == {None}  # it goes on
    finish(storms)
    assert ", 0 lost, " in second.stop()
    events = storm_events(second, programs)
    assert len(events) == sum(counts)
    assert {(e["run_id"], e["exit_code"]) for e in events} == {(1, 0), (2, 0)}
    numbers = Counter(int(e["argv"][1]) for e in events)
    assert set(numbers.values()) <= {1, 2}
    runs = json.loads(second.run("sql", "--format", "json", "SELECT * FROM runs"))
    assert all(run["seen"] == run["stored"] for run in runs), runs


@pytest.mark.thorough
def test_the_config_is_in_the_new_kernel_maps(record: Record) -> None:
    first = record()
    first.run("config", "set", "0", "before")
    second = record("--take-over", log=first.db.with_name("second.log"))
    assert first.process.wait(PATIENCE_S) == 0
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: second.ours("true", "23"), "an exec")
    assert second.ours("true", "23")[0]["message"] == "before"
    assert "(in the kernel)" in second.run("config", "set", "0", "after")
    subprocess.run(["true", "29"], check=True)
    wait_for(lambda: second.ours("true", "29"), "an exec")
    assert second.ours("true", "29")[0]["message"] == "after"
    assert ", 0 lost, " in second.stop()


def test_without_a_collector_it_is_a_start(record: Record) -> None:
    assert "there is nothing to take over" in record("--take-over").log


@pytest.mark.thorough
def test_one_that_does_not_answer_goes_on(record: Record) -> None:
    first = record()
    first.process.send_signal(signal.SIGSTOP)
    done = subprocess.run(
        [EXECDB, "--db", first.db, "collect", "--take-over"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    first.process.send_signal(signal.SIGCONT)
    assert done.returncode == 1
    assert "it continues to record" in done.stderr
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: first.ours("true", "23"), "the first collector to go on")
    first.stop()


@pytest.mark.thorough
def test_one_that_hangs_while_it_ends_can_be_left_alone(record: Record) -> None:
    first = record()
    first.process.send_signal(signal.SIGSTOP)
    lock = first.db.with_name(f"{first.db.name}.lock").open("r+b")
    second = Process(
        [EXECDB, "--db", first.db, "collect", "--take-over"], stderr=subprocess.PIPE, text=True
    )
    assert second.stderr is not None
    wait_for(lambda: accept(lock.fileno()), "the second one to wait")  # as the first one does
    wait_for(lambda: asked_to_end(first.process.pid), "the second one to ask")
    second.send_signal(signal.SIGINT)
    assert "is ending: interrupt again to give up" in second.stderr.readline()
    assert second.poll() is None  # the line is there while it can still be interrupted
    second.send_signal(signal.SIGINT)
    said = second.stderr.read()
    assert (second.wait(PATIENCE_S), said.count("\n")) == (1, 1)
    assert f"kill -9 {first.process.pid}, then start" in said
    second.stderr.close()
    lock.close()
    first.process.send_signal(signal.SIGCONT)
    first.stop()


def asked_to_end(pid: int) -> bool:
    """Whether SIGUSR1 waits for a process that is stopped (proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    (pending,) = [line.split()[1] for line in status.splitlines() if line.startswith("ShdPnd:")]
    return bool(int(pending, 16) >> (signal.SIGUSR1 - 1) & 1)


CAPABILITIES = "-all,+bpf,+perfmon,+ipc_lock,+sys_ptrace"
AS_THE_SERVICE = (
    *("--reuid", "1000", "--regid", "1000", "--clear-groups", "--bounding-set", CAPABILITIES),
    *("--inh-caps", CAPABILITIES, "--ambient-caps", CAPABILITIES),
)


@others_can_run_it
def test_it_needs_no_more_than_the_service_has(record: Record, reachable: Path) -> None:
    reachable.chmod(0o777)
    under, db = ["setpriv", *AS_THE_SERVICE], reachable / "execdb.db"
    first = record(db=db, under=under)
    before = Process(["sh", "-c", "read _; exit 7"], stdin=subprocess.PIPE)
    wait_for(lambda: first.ours("sh"), "an exec")
    second = record("--take-over", db=db, under=under, log=db.with_name("second.log"))
    assert first.process.wait(PATIENCE_S) == 0
    before.communicate(b"\n")
    wait_for(lambda: second.ours("sh")[0]["exit_code"] == 7, "an end")
    assert ", 0 lost, " in second.stop()


@pytest.mark.thorough
@others_can_run_it
def test_without_the_right_to_trace_the_other_one_it_goes_on(
    record: Record, reachable: Path
) -> None:
    reachable.chmod(0o777)
    db = reachable / "execdb.db"
    less = [word.replace(",+sys_ptrace", "") for word in AS_THE_SERVICE]
    first = record(db=db, under=["setpriv", *AS_THE_SERVICE])
    done = subprocess.run(
        ["setpriv", *less, EXECDB, "--db", db, "collect", "--take-over"],
        capture_output=True, text=True, timeout=PATIENCE_S,
    )  # fmt: skip
    assert done.returncode == 1
    assert "taking over needs root, or CAP_SYS_PTRACE" in done.stderr
    subprocess.run(["true", "23"], check=True)
    wait_for(lambda: first.ours("true", "23"), "the first collector to go on")
    first.stop()
