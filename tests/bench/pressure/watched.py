"""A collector whose lines are timed, and programs at a constant rate."""

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from tests.bench.measure import proc
from tests.kernel.recorder import Recorder

RATE, BYTES = 500, "900"  # execs a second, each with an argument that is new
_TICK_S = 0.1
_MB = 1 << 20


class Arm(NamedTuple):
    """What became of the programs of one stretch."""

    execs: int
    lost: int
    cpu_us: float  # of the collector, an exec
    wal_mb: float
    lags_ms: Sequence[float]


class Collector:
    """Its lines are read as soon as they come."""

    def __init__(self, folder: Path, around: Sequence[str | Path] = ()) -> None:
        self.lags_ms: list[float] = []
        self._folder = Path(tempfile.mkdtemp(dir=folder))
        shown = "--print", "--format", "ndjson", "comm=nothing"
        db = self._folder / "execdb.db"
        self._recorder = Recorder(db, *shown, under=around, stdout=subprocess.PIPE)
        self.pid = self._recorder.process.pid
        Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> "Collector":
        return self

    def __exit__(self, *_: object) -> None:
        self._recorder.stop()
        shutil.rmtree(self._folder)

    def _read(self) -> None:
        for line in self._recorder.process.stdout or ():
            now_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            self.lags_ms.append((now_ns - json.loads(line)["boot_ns"]) / 1e6)

    def lost(self) -> int:
        found: int = json.loads(self._recorder.run("status", "--format", "json"))["lost"]
        return found

    def _wal_mb(self) -> float:
        return (self._folder / "execdb.db-wal").stat().st_size / _MB

    def threads(self) -> list[str]:
        return os.listdir(f"/proc/{self.pid}/task")

    def record(self, storm: "Storm", seconds: float) -> Arm:
        """Programs at a constant rate, and what became of them."""
        cpu_ns, lost, first, execs, wal_mb = (
            proc.cpu_ns([self.pid]),
            self.lost(),
            len(self.lags_ms),
            0,
            0.0,
        )
        next_s = time.monotonic()
        end_s = next_s + seconds
        while time.monotonic() < end_s:
            execs += storm(round(RATE * _TICK_S))
            wal_mb = max(wal_mb, self._wal_mb())
            next_s = max(next_s + _TICK_S, time.monotonic() - 1)
            time.sleep(max(0.0, next_s - time.monotonic()))
        time.sleep(1)  # for the last lines
        cpu_us = (proc.cpu_ns([self.pid]) - cpu_ns) / 1000 / execs
        return Arm(execs, self.lost() - lost, cpu_us, wal_mb, self.lags_ms[first:])


class Storm:
    """Called with a number, it starts so many programs one after the other, and returns it."""

    def __init__(self, programs: Path) -> None:
        self._command = (programs / "storm", programs / "nothing")

    def __call__(self, count: int) -> int:
        command = (*self._command, str(count), BYTES)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return count
