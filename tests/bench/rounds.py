"""Runs a workload with and without a recorder, in turns."""

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from tests.bench import bpf, proc
from tests.bench.load import Programs, build, running
from tests.bench.packages import Unavailable, ensure, version
from tests.bench.recorders import Recorder
from tests.bench.results import Built, Peer, Storm

# What may go wrong with somebody else's program; it is reported, and the others go on.
_FAILURES = (Unavailable, TimeoutError, OSError, RuntimeError)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def bare(programs: Programs, count: int) -> tuple[float, float]:
    """Execs per second of two processes with no recorder, and their CPU time in ns."""
    with running(programs.storm(count)) as load:
        times, _ = load.finish()
    return _rate(times, count), _cpu_ns(times)


def _rate(times: list[str], count: int) -> float:
    return sum(count / (int(line.split()[0]) / 1e9) for line in times)


def _cpu_ns(times: list[str]) -> float:
    return sum(int(line.split()[1]) for line in times)


def storm_beside(recorder: Recorder, programs: Programs, count: int) -> Storm:
    """A storm under the recorder, between two without: what drifts meets both.

    Raises one of _FAILURES.
    """
    count = max(1, int(count * recorder.share))
    before = bare(programs, count)
    storm = under(recorder, programs, count)
    after = bare(programs, count)
    return replace(
        storm,
        rate_without=(before[0] + after[0]) / 2,
        load_cpu_ns_without=(before[1] + after[1]) / 2,
    )


def under(recorder: Recorder, programs: Programs, count: int, *, same: bool = False) -> Storm:
    """One storm under a recorder, which is started and stopped."""
    with recorder, running(recorder.wrap(programs.storm(count, same=same))) as load:
        pids, kernel_pids = recorder.pids(load.process.pid), recorder.kernel_pids()
        cpu_ns, kernel_cpu_ns = proc.cpu_ns(pids), proc.cpu_ns(kernel_pids)
        times, _ = load.finish()
        recorder.check()
        proc.settle([*pids, *kernel_pids])
        storm = Storm(
            execs=2 * count,
            rate=_rate(times, count),
            load_cpu_ns=_cpu_ns(times),
            cpu_ns=proc.cpu_ns(pids) - cpu_ns if pids else None,
            kernel_cpu_ns=proc.cpu_ns(kernel_pids) - kernel_cpu_ns if kernel_pids else None,
            pss_kb=proc.pss_kb(pids),
            peak_kb=max(recorder.peak_kb, proc.peak_kb(pids)),
        )
        load.release()
        proc.settle([*pids, *kernel_pids])
        recorder.stop()
        found = programs.judge(recorder.lines(), count)
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
            self.peer.version = version(self._kind.package)

    def _try(self, step: Callable[[], None]) -> None:
        if not self.peer.failure:
            try:
                step()
            except _FAILURES as error:
                self.peer.failure = str(error) or type(error).__name__
                say(f"{self.peer.name} failed: {self.peer.failure}")

    def storm(self, count: int) -> None:
        self._try(lambda: self._storm(count))

    def _storm(self, count: int) -> None:
        say(f"{self.peer.name}: storm {len(self.peer.storms) + 1}")
        with in_folder(self._kind) as recorder:
            self.peer.storms.append(storm_beside(recorder, self._programs, count))

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
        self._try(lambda: self._in_kernel(count))

    def _in_kernel(self, count: int) -> None:
        """The kernel's own clock for BPF programs costs a little: it runs in a storm of its own."""
        say(f"{self.peer.name}: BPF programs")
        before = bpf.programs()
        with bpf.clock(), in_folder(self._kind) as recorder:
            count = max(1, int(count * recorder.share))
            with recorder, running(recorder.wrap(self._programs.storm(count))) as load:
                load.finish()
                run_ns = [ns for number, ns in bpf.programs().items() if number not in before]
                load.release()
        self.peer.bpf_us = sum(run_ns) / (2 * count) / 1e3 if run_ns else None


@contextlib.contextmanager
def in_folder(kind: type[Recorder]) -> Iterator[Recorder]:
    """A recorder, not started yet, on a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        yield kind(Path(folder))
