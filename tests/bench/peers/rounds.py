"""Runs a workload with and without a recorder, in turns."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.bench.measure import bpf, proc
from tests.bench.peers.packages import Unavailable, ensure
from tests.bench.peers.recorders import Recorder
from tests.bench.results import Alone, Built, Peer, Storm
from tests.bench.workloads.load import Programs, build, running

# What may go wrong with somebody else's program; it is reported, and the others go on.
_FAILURES = (Unavailable, TimeoutError, OSError, RuntimeError)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _alone(times: list[str], count: int) -> Alone:
    """Of the two processes together, from what they printed: ns by the clock and of CPU time."""
    found = [tuple(map(int, line.split())) for line in times]
    rate = sum(count / (wall_ns / 1e9) for wall_ns, _ in found)
    return Alone(rate, sum(cpu_ns for _, cpu_ns in found) / (2 * count) / 1e3)


class Turns:
    """Storms under recorders, each between two without: what drifts meets both.

    A storm without stands behind one recorder's storm and before the next one's. `alone` has all
    of them.
    """

    def __init__(self, programs: Programs, count: int) -> None:
        self._programs, self._count = programs, count
        self._fresh = False  # whether the last one alone was just now
        self.alone: list[Alone] = []

    def storm(self, recorder: Recorder, *, same: bool) -> Storm:
        """Raises one of _FAILURES; the next storm then begins with a new one without."""
        before = self.alone[-1] if self._fresh else self._bare()
        self._fresh = False
        count = max(1, int(self._count * recorder.share))
        storm = under(recorder, self._programs, count, same=same)
        after = self._bare()
        self._fresh = True
        return replace(
            storm,
            rate_without=(before.rate + after.rate) / 2,
            load_us_without=(before.load_us + after.load_us) / 2,
        )

    def _bare(self) -> Alone:
        before_ns = proc.machine_cpu_ns()
        with running(self._programs.storm(self._count)) as load:
            times, elapsed_s = load.finish()
            machine_ns = proc.machine_cpu_ns() - before_ns
        alone = _alone(times, self._count)
        others_ns = machine_ns - 2 * self._count * alone.load_us * 1e3
        others = others_ns / 1e9 / elapsed_s / (os.cpu_count() or 1)
        self.alone.append(replace(alone, others=max(0.0, others)))
        return self.alone[-1]


def under(recorder: Recorder, programs: Programs, count: int, *, same: bool) -> Storm:
    """One storm under a recorder, which is started and stopped."""
    with recorder, running(recorder.wrap(programs.storm(count, same=same))) as load:
        pids, kernel_pids = recorder.pids(load.process.pid), recorder.kernel_pids()
        cpu_ns, kernel_cpu_ns = proc.cpu_ns(pids), proc.cpu_ns(kernel_pids)
        times, _ = load.finish()
        recorder.check()
        recorder.settle(load.process.pid)
        own = _alone(times, count)
        storm = Storm(
            execs=2 * count,
            rate=own.rate,
            load_us=own.load_us,
            cpu_ns=proc.cpu_ns(pids) - cpu_ns if pids else None,
            kernel_cpu_ns=proc.cpu_ns(kernel_pids) - kernel_cpu_ns if kernel_pids else None,
            pss_kb=proc.pss_kb(pids),
            peak_kb=max(recorder.peak_kb, proc.peak_kb(pids)),
        )
        load.release()
        recorder.settle(load.process.pid)
        recorder.stop()
        found = programs.judge(recorder.lines(), count, same=same)
    return replace(storm, seen=found.seen, whole=found.whole, long=found.long, size=recorder.size())


def build_once(source: Path, recorder: Recorder | None = None) -> Built:
    """Builds GNU hello, with the recorder running or without."""
    with build(source) as command:
        if recorder is None:
            with running(command) as load:
                times, elapsed_s = load.finish()
                return Built(elapsed_s, children_s(times))
        with recorder, running(recorder.wrap(command)) as load:
            times, elapsed_s = load.finish()
            recorder.check()
            load.release()
            recorder.stop()
        return Built(elapsed_s, children_s(times), recorder.size())


def children_s(times: list[str]) -> float:
    """CPU time of the shell's children, from what `times` printed (POSIX): `0m1.23s 0m0.45s`."""
    minutes_seconds = (word.rstrip("s").split("m") for word in times[-1].split())
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in minutes_seconds)


class Measuring:
    """All rounds of one recorder, one at a time. A failure ends them and is part of the result."""

    def __init__(self, kind: type[Recorder], programs: Programs, source: Path | None) -> None:
        self._kind, self._programs, self._source = kind, programs, source
        self.peer = Peer(kind.name)
        self._try(self._prepare)

    def _prepare(self) -> None:
        if self._kind.package:
            ensure(self._kind.program, self._kind.package)
            self.peer.version = self._kind.version()

    def _try(self, step: Callable[[], None]) -> None:
        if not self.peer.failure:
            try:
                step()
            except _FAILURES as error:
                self.peer.failure = str(error) or type(error).__name__
                say(f"{self.peer.name} failed: {self.peer.failure}")

    def storms(self, turns: Turns) -> None:
        """One of equal command lines, one with every one new."""
        self._try(lambda: self._storms(turns))

    def _storms(self, turns: Turns) -> None:
        say(f"{self.peer.name}: storms {len(self.peer.equal.rounds) + 1}")
        for same in (True, False):
            with in_folder(self._kind) as recorder:
                self.peer.storms(same=same).rounds.append(turns.storm(recorder, same=same))

    def build(self) -> None:
        self._try(self._build)

    def _build(self) -> None:
        """The pair in turns: with the recorder first, and without first."""
        number = len(self.peer.builds)
        if self._source is None or (number and self._kind.share < 1):
            return
        say(f"{self.peer.name}: build {number + 1}")
        without = None if number % 2 else build_once(self._source)
        with in_folder(self._kind) as recorder:
            own = build_once(self._source, recorder)
        self.peer.builds.append((own, without or build_once(self._source)))

    def in_kernel(self, count: int) -> None:
        for same in (True, False):
            self._try(partial(self._in_kernel, count, same=same))

    def _in_kernel(self, count: int, *, same: bool) -> None:
        """The kernel's own clock for BPF programs costs a little: it runs in a storm of its own."""
        say(f"{self.peer.name}: BPF programs")
        count = max(1, int(count * self._kind.share))
        command = self._programs.storm(count, same=same)
        before = bpf.programs()
        with (
            bpf.clock(),
            in_folder(self._kind) as recorder,
            recorder,
            running(recorder.wrap(command)) as load,
        ):
            load.finish()
            run_ns = [ns for number, ns in bpf.programs().items() if number not in before]
            load.release()
        if run_ns:
            self.peer.storms(same=same).bpf_us = sum(run_ns) / (2 * count) / 1e3


@contextlib.contextmanager
def in_folder(kind: type[Recorder]) -> Iterator[Recorder]:
    """A recorder, not started yet, on a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        yield kind(Path(folder))
