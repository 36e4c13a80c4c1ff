"""What processes cost, as /proc tells it."""

import os
import time
from pathlib import Path

import pytest

from tests.bench.measure import proc

_TICKS = os.sysconf("SC_CLK_TCK")


def test_the_cpu_time_of_the_machine_is_all_but_idle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "cpu  2 30 400 5000 60000 700000 8000000 90000000 1 1\ncpu0 1 1 1 1 1 1 1 1 0 0\n"
    tmp_path.joinpath("stat").write_text(text)
    monkeypatch.setattr(proc, "PROC", tmp_path)
    assert proc.machine_cpu_ns() == 98_700_432 * 10**9 // _TICKS  # guests are in user


def test_the_cpu_time_of_this_machine_grows_by_what_this_process_takes() -> None:
    before_ns, own_ns = proc.machine_cpu_ns(), time.process_time_ns()
    started_s = time.monotonic()
    while time.process_time_ns() - own_ns < 200e6:
        pass
    took_ns, elapsed_s = proc.machine_cpu_ns() - before_ns, time.monotonic() - started_s
    slack_ns = 2e9 / _TICKS
    assert 200e6 - slack_ns <= took_ns <= (os.cpu_count() or 1) * (elapsed_s * 1e9 + slack_ns)
