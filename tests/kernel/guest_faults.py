"""What may be done to a machine only where it is nobody's: its clock set, its CPUs taken away.

No part of the ordinary tests: `make test-kernels` names this file inside its guests, as the last.
"""

import json
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.kernel.conftest import PATIENCE_S, Recorder, wait_for

HOUR_NS = 3_600 * 10**9
CPU = 1
ONLINE = Path(f"/sys/devices/system/cpu/cpu{CPU}/online")


@pytest.fixture
def recorder(own_database: Path) -> Iterator[Recorder]:
    """One of its own."""
    recorder = Recorder(own_database, "--quiet")
    yield recorder
    recorder.kill()
    ONLINE.write_text("1")


def _run(*command: str, cpu: int | None = None) -> None:
    there = () if cpu is None else ("taskset", "-c", str(cpu))
    subprocess.run([*there, *command], check=True, timeout=PATIENCE_S)


def _recorded(recorder: Recorder, argument: str) -> None:
    wait_for(lambda: recorder.events("--comm", "true", "--arg", argument), argument)


def _set_clock(offset_ns: int) -> None:
    """So far from boot time."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    time.clock_settime_ns(time.CLOCK_REALTIME, boot_ns + offset_ns)


def test_cpus_that_come_and_go_and_a_clock_that_is_set(recorder: Recorder) -> None:
    """In one test, since a recorder takes most of a minute to start in emulation."""
    for number in range(2):
        ONLINE.write_text("0")
        _run("true", f"gone-{number}")
        _recorded(recorder, f"gone-{number}")
        ONLINE.write_text("1")
        _run("true", f"back-{number}", cpu=CPU)
        _recorded(recorder, f"back-{number}")

    right_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        for number, hours in enumerate((0, -1, 24, 0)):
            _set_clock(right_ns + hours * HOUR_NS)
            _run("true", f"clock-{number}")
            _recorded(recorder, f"clock-{number}")
    finally:
        _set_clock(right_ns)
    recorder.stop()

    events = [event for event in recorder.events() if event["comm"] == "true"]
    names = [event["argv"][1] for event in events]
    assert names == [
        "gone-0", "back-0", "gone-1", "back-1",
        "clock-0", "clock-1", "clock-2", "clock-3",
    ]  # fmt: skip
    assert [event["exit_code"] for event in events] == [0] * len(events)
    assert all(event["duration_ns"] < 60 * 10**9 for event in events)
    first, *times = (event["time_ns"] for event in events[-4:])
    assert [round((t - first) / HOUR_NS) for t in times] == [-1, 24, 0]
    with closing(sqlite3.connect(recorder.db)) as connection:
        ((seen, stored, lost, ended),) = connection.execute(
            "SELECT seen, stored, lost, ended FROM runs"
        )
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert (seen, lost, ended) == (stored, 0, "clean")
    assert json.loads(recorder.run("coverage", "--format", "json"))
