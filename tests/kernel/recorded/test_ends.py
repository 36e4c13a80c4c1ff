"""How images ended, on the row of their start."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from execdb.collector.decoding.decoder import Decoder
from execdb.collector.kernel_source import KernelSource
from execdb.store.event import REPLACED
from tests.kernel.ground_truth import finish, storm, storm_events
from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for
from tests.processes.process import Process


def _one(recorder: Recorder, pid: int) -> dict[str, Any]:
    (event,) = recorder.events("--pid", str(pid), "--comm", "ends")
    return event


@pytest.mark.parametrize("how", ["", "exit3", "kill", "segv", "leader", "thread"])
def test_the_end_is_what_wait_says(how: str, recorder: Recorder, programs: Path) -> None:
    process = Process([programs / "ends", how])
    code = process.wait(PATIENCE_S)
    recorder.stop()
    event = _one(recorder, process.pid)
    if code < 0:
        assert (event["ended"], event["exit_code"], event["signal"]) == ("signal", None, -code)
    else:
        assert (event["ended"], event["exit_code"], event["signal"]) == ("exit", code, None)
    assert event["duration_ns"] > (40_000_000 if how == "leader" else 0)


def test_an_image_that_runs_has_no_end(record: Callable[..., Recorder]) -> None:
    recorder = record()
    with Process(["sleep", "600"]) as process:
        events = wait_for(lambda: recorder.events("--pid", str(process.pid)), "its start")
        recorder.stop()
        after = recorder.events("--pid", str(process.pid))
        process.kill()
    for event in (events[-1], after[-1]):  # it outlived the collector: no guess either
        keys = ("ended", "exit_code", "signal", "duration_ns")
        assert [event[key] for key in keys] == [None] * 4


def test_ends_that_come_while_the_collector_is_stopped(recorder: Recorder, programs: Path) -> None:
    recorder.process.send_signal(signal.SIGSTOP)
    pids = []
    for _ in range(23):
        process = Process([programs / "ends", "exit3"])
        process.wait(PATIENCE_S)
        pids.append(process.pid)
    recorder.process.send_signal(signal.SIGCONT)
    recorder.stop()
    assert [_one(recorder, pid)["exit_code"] for pid in pids] == [3] * 23


@pytest.mark.thorough
@pytest.mark.alone
def test_every_end_of_a_storm_finds_its_row(
    record: Callable[..., Recorder], programs: Path
) -> None:
    recorder = record()
    finish(storm(programs, 5003, 5009))
    recorder.stop()
    events = storm_events(recorder, programs)
    assert len(events) == 10_012
    assert {(e["ended"], e["exit_code"]) for e in events} == {("exit", 0)}
    assert all(0 < e["duration_ns"] < 10**10 for e in events)
    assert "warning" not in recorder.log


def test_forks_and_threads_that_never_exec_are_not_sent(programs: Path) -> None:
    source = KernelSource(ring_pages=256)
    try:
        source.attach()
        script = "for i in {1..503}; do (:); done"
        with Process(["bash", "-c", script]) as bash:
            bash.wait(PATIENCE_S)
        with Process([programs / "threads", programs / "nothing", "23"]) as threads:
            threads.wait(PATIENCE_S)
        decoded = Decoder().decode(source.read(), 0)
    finally:
        source.close()
    started = [(e.boot_ns, e.pid) for e in decoded.execs]
    bash_image = next(e for e in decoded.execs if e.pid == bash.pid)
    assert [e.image for e in decoded.ends].count((bash_image.boot_ns, bash.pid)) == 1
    children = [e for e in decoded.execs if e.ppid == threads.pid]
    assert len(children) == 23
    # Whatever ended had been exec'd: not the 503 subshells, nor the threads.
    assert {end.image for end in decoded.ends} <= set(started)


def test_an_image_whose_successor_is_lost_has_an_end_or_is_counted() -> None:
    """The ring has room for a small record, but not for the larger one of the second exec."""
    path = {"FILE": f"/bin/{'/' * 997}true"}
    source, decoder = KernelSource(ring_pages=8), Decoder()
    execs, ends = [], []
    try:
        source.attach()
        for _ in range(23):  # a ring is full at another place each time
            for _ in range(53):
                subprocess.run(["bash", "-c", "exec $FILE"], env=path, check=True)
            decoded = decoder.decode(source.read(), 0)
            execs += [e for e in decoded.execs if e.ppid == os.getpid()]
            ends += decoded.ends
            if REPLACED in {end.status for end in ends}:
                break
        source.detach()
        counts = source.counts()
    finally:
        source.close()
    assert counts.lost > 0
    assert REPLACED in {end.status for end in ends}
    ended = [end.image for end in ends]
    ended += [e.parent for e in execs if e.replaces and e.parent]
    images = {(e.boot_ns, e.pid) for e in execs}
    assert len(ended) == len(set(ended))
    assert len(images - set(ended)) <= counts.ends_lost
