"""What may be done to a machine only where it is nobody's: its clock set, its CPUs taken away.

No part of the ordinary tests: `make test-kernels` names this file inside its guests, as the last.
"""

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.kernel.recorder import PATIENCE_S, Recorder, wait_for

HOUR_NS = 3_600 * 10**9
CPU = 1
ONLINE = Path(f"/sys/devices/system/cpu/cpu{CPU}/online")


@pytest.fixture
def recorder(own_database: Path) -> Iterator[Recorder]:
    """One of its own."""
    recorder = Recorder(own_database, "--quiet")
    yield recorder
    recorder.kill()


def _run(*command: str, cpu: int | None = None) -> None:
    there = () if cpu is None else ("taskset", "-c", str(cpu))
    subprocess.run([*there, *command], check=True, timeout=PATIENCE_S)


def _recorded(recorder: Recorder, argument: str) -> None:
    wait_for(lambda: recorder.events("--comm", "true", "--arg", argument), argument)


@contextmanager
def _offline() -> Iterator[None]:
    ONLINE.write_text("0")
    try:
        yield
    finally:
        ONLINE.write_text("1")


def _set_clock(offset_ns: int) -> None:
    """So far from boot time."""
    boot_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    time.clock_settime_ns(time.CLOCK_REALTIME, boot_ns + offset_ns)


def _lose_and_get_back_a_cpu(recorder: Recorder) -> None:
    """Twice: once for long, once as a suspend does it, unseen by a collector that is frozen."""
    with _offline():
        _run("true", "without")
        _recorded(recorder, "without")
    _run("true", "back", cpu=CPU)
    _recorded(recorder, "back")
    recorder.process.send_signal(signal.SIGSTOP)
    with _offline():
        pass
    _run("true", "resumed", cpu=CPU)
    recorder.process.send_signal(signal.SIGCONT)
    _recorded(recorder, "resumed")
    _run("true", "later", cpu=CPU)
    _recorded(recorder, "later")


def _set_the_clock(recorder: Recorder) -> None:
    """An hour back, and a day forth."""
    right_ns = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    try:
        for hours in (0, -1, 24):
            _set_clock(right_ns + hours * HOUR_NS)
            _run("true", f"clock {hours}")
            _recorded(recorder, f"clock {hours}")
    finally:
        _set_clock(right_ns)


def test_cpus_that_come_and_go_and_a_clock_that_is_set(recorder: Recorder) -> None:
    """In one test, since a recorder takes most of a minute to start in emulation."""
    _lose_and_get_back_a_cpu(recorder)
    _set_the_clock(recorder)
    assert ", 0 lost, " in recorder.stop()

    events = recorder.events("--comm", "true")
    assert [event["argv"][1] for event in events] == [
        "without", "back", "resumed", "later", "clock 0", "clock -1", "clock 24",
    ]  # fmt: skip
    assert {event["exit_code"] for event in events} == {0}
    assert all(event["duration_ns"] < 60 * 10**9 for event in events)
    first_ns, *times_ns = (event["time_ns"] for event in events[-3:])
    assert [round((time_ns - first_ns) / HOUR_NS) for time_ns in times_ns] == [-1, 24]
    with closing(sqlite3.connect(recorder.db)) as connection:
        ((seen, stored, lost, ended),) = connection.execute(
            "SELECT seen, stored, lost, ended FROM runs"
        )
        clocks = connection.execute(
            "SELECT before_ns, after_ns FROM clock_set ORDER BY id"
        ).fetchall()
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert [round((after - before) / HOUR_NS) for before, after in clocks] == [-1, 25, -24]
    assert (seen, lost, ended) == (stored, 0, "clean")
