"""Runs a workload with and without a recorder, in turns."""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from tests.bench import proc
from tests.bench.load import Programs, build, running
from tests.bench.packages import Unavailable, ensure, version
from tests.bench.recorders import Recorder
from tests.bench.results import Peer, Storm
from tests.bench.table import table

# What may go wrong with somebody else's program; it is reported, and the others go on.
_FAILURES = (Unavailable, TimeoutError, OSError, RuntimeError)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def storm_rate(programs: Programs, count: int) -> float:
    """Execs per second of two processes, with no recorder."""
    with running(programs.storm(count)) as load:
        times, _ = load.finish()
    return _rate(times, count)


def _rate(times_ns: list[str], count: int) -> float:
    return sum(count / (int(ns) / 1e9) for ns in times_ns)


def storm_beside(recorder: Recorder, programs: Programs, count: int) -> Storm:
    """A storm under the recorder, between two without: what drifts meets both.

    Raises one of _FAILURES.
    """
    before = storm_rate(programs, count)
    storm = under(recorder, programs, count)
    return replace(storm, rate_without=(before + storm_rate(programs, count)) / 2)


def under(recorder: Recorder, programs: Programs, count: int, *, same: bool = False) -> Storm:
    """One storm under a recorder, which is started and stopped."""
    count = max(1, int(count * recorder.share))
    with recorder, running(recorder.wrap(programs.storm(count, same=same))) as load:
        pids, kernel_pids = recorder.pids(load.process.pid), recorder.kernel_pids()
        cpu_ns, kernel_cpu_ns = proc.cpu_ns(pids), proc.cpu_ns(kernel_pids)
        times, _ = load.finish()
        recorder.check()
        proc.settle([*pids, *kernel_pids])
        storm = Storm(
            execs=2 * count,
            rate=_rate(times, count),
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


def build_time_s(source: Path, recorder: Recorder | None = None) -> float:
    """Seconds to build GNU hello, with the recorder running or without."""
    with build(source) as command:
        if recorder is None:
            with running(command) as load:
                return load.finish()[1]
        with recorder, running(recorder.wrap(command)) as load:
            _, elapsed_s = load.finish()
            recorder.check()
            load.release()
    return elapsed_s


def measure_peer(
    kind: type[Recorder],
    programs: Programs,
    source: Path | None,
    rounds: int,
    builds: int,
    count: int,
) -> Peer:
    """All rounds of one recorder. A failure ends them and is part of the result."""
    peer = Peer(kind.name)
    try:
        if kind.package:
            ensure(kind.program, kind.package)
            peer.version = version(kind.package)
        for number in range(rounds):
            say(f"{kind.name}: storm {number + 1} of {rounds}")
            peer.storms.append(_in_folder(kind, programs, count))
        for number in range(builds if source else 0):
            say(f"{kind.name}: build {number + 1} of {builds}")
            assert source
            peer.builds.append(build_pair(kind, source, last=number % 2 == 1))
    except _FAILURES as error:
        peer.failure = str(error) or type(error).__name__
    say(table([peer]).splitlines()[-1])  # an interrupted session has shown what it has
    return peer


def _in_folder(kind: type[Recorder], programs: Programs, count: int) -> Storm:
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        return storm_beside(kind(Path(folder)), programs, count)


def build_pair(kind: type[Recorder], source: Path, *, last: bool) -> float:
    """Wall time of a build under the recorder over that of one without."""
    bare_s = None if last else build_time_s(source)
    with tempfile.TemporaryDirectory(prefix="execdb-bench-") as folder:
        with_s = build_time_s(source, kind(Path(folder)))
    return with_s / (build_time_s(source) if bare_s is None else bare_s)
