"""What processes cost, as read from /proc of this machine."""

import os
import time

from tests.bench import proc


def test_the_cpu_time_of_the_machine_has_that_of_this_process() -> None:
    before_ns, own_ns = proc.machine_cpu_ns(), time.process_time_ns()
    started_s = time.monotonic()
    while time.process_time_ns() - own_ns < 200e6:
        pass
    took_ns, elapsed_s = proc.machine_cpu_ns() - before_ns, time.monotonic() - started_s
    tick_ns = 1e9 / os.sysconf("SC_CLK_TCK")
    cores = os.cpu_count() or 1
    assert 200e6 - 2 * tick_ns <= took_ns <= cores * (elapsed_s * 1e9 + 2 * tick_ns)
