"""A collector that gets less of the machine than it would take: memory, the disk, the CPUs."""

import contextlib
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple, TypeVar

from tests.bench.measure import proc
from tests.bench.peers.rounds import say
from tests.bench.pressure.machine import (
    Group,
    call,
    meanwhile,
    scheduler_of,
    storms,
    writer,
    writing,
)
from tests.bench.pressure.watched import BYTES, RATE, Arm, Collector, Storm
from tests.bench.table import aligned, publish, spread
from tests.bench.workloads.load import Programs

_LIMITS_MB = (None, 256, 128, 64, 48)
_STARTS_MB = (None, 192, 128, 96, 64)
_CACHED_MB = 300
_CLASSES = {
    "default": ("-c", "0"),
    "best-effort, 0": ("-c", "2", "-n", "0"),
    "best-effort, 7": ("-c", "2", "-n", "7"),
    "idle": ("-c", "3"),
}
_NICE = (0, -5, 10, 19)
_WRITERS, _WRITTEN_MB = 4, 32
_NOTES = """\
{rate} programs a second for {seconds:g} s, each with an argument of {bytes} bytes that was never
there before; {rounds} rounds in turns. *Lag*: from an exec until it is committed and printed; the
median, the 99th of 100 and the longest of all. *Disk*: {writers} processes write {written} MB each
and wait until that is on the disk (`dd conv=fdatasync`), again and again, on the disk of the
history. *CPUs*: {storms} processes start programs as fast as they can, and are recorded as well.
*Memory*: {limit}, set while the collector records, or before it
starts; {cached} MB of a file in the group's page cache come first, as of a history that has grown.

{machine}. Measured with `python -m tests.bench pressure --rounds {rounds} --seconds {seconds:g}`.
"""
What = TypeVar("What")
_TITLES = ("lost", "CPU an exec", "lag")


def compare(rounds: int, seconds: float, write: Path | None) -> int:
    """Prints a table for each kind of pressure."""
    programs = Programs()
    with contextlib.closing(programs), tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        place = _Place(Path(folder), Storm(programs.folder), rounds, seconds)
        text = "\n".join([place.disk(), place.cpus(), place.memory(), place.starts()])
    notes = _NOTES.format(
        rate=RATE, seconds=seconds, bytes=BYTES, rounds=rounds, writers=_WRITERS,
        written=_WRITTEN_MB, storms=storms(), limit=Group.what, cached=_CACHED_MB,
        machine=proc.machine(),
    )  # fmt: skip
    publish("pressure", f"{text}\n{notes}", write)
    return 0


class _Place(NamedTuple):
    folder: Path
    storm: Storm
    rounds: int
    seconds: float

    def disk(self) -> str:
        """Classes of I/O, under each scheduler that the disk can have and that knows of classes."""
        scheduler = scheduler_of(self.folder)
        before = scheduler.read_text()
        rows = [["disk's scheduler", "IOSchedulingClass", *_TITLES, "WAL at most", "others wrote"]]
        try:
            for name in ("bfq", "mq-deadline"):
                if name in before:
                    scheduler.write_text(name)
                    rows += [[name, *row] for row in self._classes()]
        finally:
            scheduler.write_text(before.partition("[")[2].partition("]")[0] or "none")
        return aligned(rows)

    def _classes(self) -> Iterator[list[str]]:
        wrote: dict[str, list[float]] = {name: [] for name in _CLASSES}
        arms: dict[str, list[Arm]] = {name: [] for name in _CLASSES}
        files = [self.folder / f"heavy{number}" for number in range(_WRITERS)]
        with Collector(self.folder) as collector:
            for name in self._turns(_CLASSES, "I/O"):
                call("ionice", *_CLASSES[name], "-p", *collector.threads())
                with meanwhile([writer(file, _WRITTEN_MB) for file in files]) as done:
                    arms[name].append(collector.record(self.storm, self.seconds))
                    wrote[name].append(done() * _WRITTEN_MB / self.seconds)
        for name, found in arms.items():
            wal = f"{max(arm.wal_mb for arm in found):.1f} MB"
            yield [name, *_cells(found), wal, spread(wrote[name], 0, " MB/s")]

    def cpus(self) -> str:
        rows = [["Nice", "lost", "lag", "programs of others"]]
        started: dict[int, list[float]] = {nice: [] for nice in _NICE}
        arms: dict[int, list[Arm]] = {nice: [] for nice in _NICE}
        with Collector(self.folder) as collector:
            for nice in self._turns(_NICE, "CPU"):
                call("renice", "-n", str(nice), "-p", *collector.threads())
                with meanwhile([lambda: self.storm(100)] * storms()) as done:
                    arms[nice].append(collector.record(self.storm, self.seconds))
                    started[nice].append(done() / self.seconds)
        for nice, found in arms.items():
            lost, _, lag = _cells(found)  # their programs take its CPU time as well
            rows.append([str(nice), lost, lag, spread(started[nice], 0, "/s")])
        return aligned(rows)

    def memory(self) -> str:
        """While it records: the limit is lifted between two of them."""
        arms: dict[int | None, list[Arm]] = {mb: [] for mb in _LIMITS_MB}
        held: dict[int | None, list[float]] = {mb: [] for mb in _LIMITS_MB}
        with Group() as group, Collector(self.folder, group.around) as collector:
            for mb in self._turns(_LIMITS_MB, "memory"):
                call(*group.around, *writing(self.folder / "cached", _CACHED_MB))
                before = group.reached()
                with group.limited(mb):
                    arms[mb].append(collector.record(self.storm, self.seconds))
                held[mb].append(group.reached() - before)
        rows = [["limit while it records", *_TITLES, "limit reached"]]
        for mb, found in arms.items():
            rows.append([_named(mb), *_cells(found), spread(held[mb], 0, " times")])
        return aligned(rows)

    def starts(self) -> str:
        rows = [["limit at the start", "records after"]]
        for mb in _STARTS_MB:
            say(f"start, {_named(mb)}")
            with Group() as group, group.limited(mb):
                begun_s = time.monotonic()
                try:
                    with Collector(self.folder, group.around):
                        rows.append([_named(mb), f"{time.monotonic() - begun_s:.1f} s"])
                except AssertionError as error:
                    rows.append([_named(mb), f"never: {str(error).splitlines()[0]}"])
        return aligned(rows)

    def _turns(self, names: Iterable[What], what: str) -> Iterator[What]:
        for number in range(self.rounds):
            for name in names:
                say(f"{what}, round {number + 1}: {name}")
                yield name


def _cells(arms: Sequence[Arm]) -> list[str]:
    """Under _TITLES."""
    lags = sorted(lag for arm in arms for lag in arm.lags_ms)
    lost = sum(arm.lost for arm in arms)
    lag = "none"
    if len(lags) > 1:
        lag = f"{median(lags):.0f}, {quantiles(lags, n=100)[98]:.0f}, {lags[-1]:.0f} ms"
    return [f"{lost:,}", spread([arm.cpu_us for arm in arms], 0, " us"), lag]


def _named(mb: int | None) -> str:
    return "none" if mb is None else f"{mb} MB"
