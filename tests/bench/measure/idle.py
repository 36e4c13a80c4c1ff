"""What the collector takes while little or nothing happens: wake-ups and CPU time."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import proc
from tests.bench.results import Row
from tests.bench.table import limits, publish
from tests.bench.workloads.load import STORMS, Programs
from tests.kernel.recorder import Recorder

_RATES = (0, 1, 10, 100, 1000)  # execs a second
_UID = 61_609  # nobody else runs programs as this user
_WAKE_UPS_MAX, _CPU_MAX = 1.5, 0.05  # a second; % of one CPU: both where nothing happens
_SETTLE_S = 5
_LOAD = """\
import os, sys, time
rate, until_s = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
next_s = time.monotonic()
while next_s < until_s:
    os.waitpid(os.posix_spawn(sys.argv[3], [sys.argv[3], "same"], {}), 0)
    next_s += 1 / rate
    time.sleep(max(0.0, next_s - time.monotonic()))
"""
_NOTES = """\
{seconds:g} s each, of one user who alone is recorded (`config record uid=...`, then `config
ignore`): other programs of the machine wake nothing, but what is left out of them is counted in the
file, once a second at most. Wake-ups are the context switches of all threads of the collector.

{machine}, load average {load}. Measured with `python -m tests.bench idle --seconds {seconds:g}`.
"""


def compare(seconds: float, write: Path | None) -> int:
    """Prints a row for each rate. Returns 1 if a limit does not hold."""
    with contextlib.closing(Programs()) as programs:
        program = str(programs.folder / STORMS[0])
        rows = [_row(program, rate, seconds) for rate in _RATES]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    notes = _NOTES.format(seconds=seconds, machine=proc.machine(), load=load)
    publish("idle", f"{limits(rows)}\n{notes}", write)
    return int(any(row.held is False for row in rows))


def _row(program: str, rate: int, seconds: float) -> Row:
    with _recorder() as recorder:
        pid, begun_s = recorder.process.pid, time.monotonic()
        before, cpu_ns = _switches(pid), proc.cpu_ns([pid])
        if rate:
            load = [sys.executable, "-c", _LOAD, str(rate), str(seconds), program]
            subprocess.run(load, user=_UID, check=True)
        else:
            time.sleep(seconds)
        took_s = time.monotonic() - begun_s
        wake_ups = (_switches(pid) - before) / took_s
        cpu = (proc.cpu_ns([pid]) - cpu_ns) / took_s / 1e7
        stored = int(recorder.run("query", "--count", "--path", program)) / took_s
    text = f"{wake_ups:.1f} wake-ups/s, {cpu:.2f} % of a CPU"
    if rate:
        return Row(f"{rate:,} execs/s", "", f"{text} ({stored:,.1f} execs/s)", None)
    limit = f"<= {_WAKE_UPS_MAX} a second, <= {_CPU_MAX} %"
    return Row("no exec", limit, text, wake_ups <= _WAKE_UPS_MAX and cpu <= _CPU_MAX)


@contextlib.contextmanager
def _recorder() -> Iterator[Recorder]:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        recorder = Recorder(Path(folder, "execdb.db"), "--quiet")
        try:
            recorder.run("config", "record", f"uid={_UID}")
            recorder.run("config", "ignore")
            time.sleep(_SETTLE_S)
            yield recorder
        finally:
            if recorder.process.poll() is None:
                recorder.kill()


def _switches(pid: int) -> int:
    total = 0
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        lines = status.read_text().splitlines()
        total += sum(int(line.split()[1]) for line in lines if "voluntary_ctxt_switches" in line)
    return total
