"""How long the collector may be held up before a CPU's ring is full."""

import contextlib
import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.measure import proc
from tests.bench.results import Row
from tests.bench.table import limits, publish
from tests.bench.workloads.load import STORMS, Programs
from tests.kernel.recorder import Recorder

_PAGES = (128, 256, 512)
_EXECS = 30_000  # more than these rings hold
_NOTES = """\
A storm on one CPU while the collector is stopped (SIGSTOP), each size three times: the execs that
were there when it continued, with their ends. The time is what that CPU alone took for so many
execs, at {rate:,.0f} a second.

{machine}. Measured with `python -m tests.bench rings`.
"""


def compare(write: Path | None) -> int:
    """Prints how much the rings of each size hold."""
    with contextlib.closing(Programs()) as programs:
        rate = _EXECS / _storm_s(programs)
        rows = [_row(programs, pages, rate) for pages in _PAGES]
    notes = _NOTES.format(rate=rate, machine=proc.machine())
    publish("rings", f"{limits(rows)}\n{notes}", write)
    return 0


def _row(programs: Programs, pages: int, rate: float) -> Row:
    held = sorted(_held(programs, pages) for _ in range(3))[0]
    text = f"{held:,} execs, {pages * 4096 / held:.0f} bytes each; {held / rate:.2f} s"
    return Row(f"{pages} pages", "", text, None)


def _held(programs: Programs, pages: int) -> int:
    """How many execs a ring of that size held."""
    with _recorder(pages) as recorder:
        os.kill(recorder.process.pid, signal.SIGSTOP)
        _storm_s(programs)
        os.kill(recorder.process.pid, signal.SIGCONT)
        recorder.stop()
        lost: int = json.loads(recorder.run("status", "--format", "json"))["lost"]
        return _EXECS - lost


@contextlib.contextmanager
def _recorder(pages: int) -> Iterator[Recorder]:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        recorder = Recorder(Path(folder, "execdb.db"), "--quiet", "--ring-pages", str(pages))
        try:
            yield recorder
        finally:
            if recorder.process.poll() is None:
                recorder.kill()


def _storm_s(programs: Programs) -> float:
    storm: proc.Command = [
        programs.folder / "storm",
        programs.folder / STORMS[0],
        str(_EXECS),
        "same",
    ]
    begun = time.monotonic()
    subprocess.run(["taskset", "-c", "0", *storm], check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun
