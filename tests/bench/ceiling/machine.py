"""A machine of many CPUs that need not exist: rings in plain memory, which `machine.c` fills as the
kernel does, as a source for a collector."""

import contextlib
import json
import mmap
import os
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from execdb.bpf.rings.bell import Bell
from execdb.bpf.rings.perf_ring import PerfRing
from execdb.bpf.rings.rings import Rings
from execdb.bpf.rings.spare_ring import SpareRing
from execdb.bpf.wire import ASLEEP, COUNTERS
from execdb.store.event import ImageKey
from tests.bench.measure import proc
from tests.collector.desk import KernelCounts

SOURCE = Path(__file__).with_name("machine.c")
_PAGE = mmap.PAGESIZE


def compiled(folder: Path) -> Path:
    """The program that fills the rings. Raises CalledProcessError."""
    program = folder / "machine"
    subprocess.run(["gcc", "-O2", "-Wall", "-Werror", "-o", program, SOURCE], check=True)
    return program


class Load(NamedTuple):
    """What the machine does: records of the dump, `rate` execs a second (0: as fast as possible),
    `execs` in all."""

    dump: Path
    rate: int
    execs: int


class Pace(NamedTuple):
    """How long the load took, and how late an exec was at most, in ns."""

    took_ns: int
    late_ns: int


class Machine:
    """Rings of `pages` pages, a power of two, for so many CPUs: a source as `interfaces.Source`
    says, with the collector's own reading of rings. Programs that run already are none of it."""

    def __init__(self, cpus: int, pages: int) -> None:
        self._cpus, self._pages = cpus, pages
        control = 1 + -(-cpus * COUNTERS.size // _PAGE)  # pages
        self._fd = os.memfd_create("machine")
        os.ftruncate(self._fd, (control + cpus * (1 + pages)) * _PAGE)
        self._control = mmap.mmap(self._fd, control * _PAGE)
        self._bell = _EventBell(self._control)
        empty = os.memfd_create("spare")
        os.ftruncate(empty, 2 * _PAGE)
        spare = SpareRing(empty)
        os.close(empty)
        rings = {cpu: self._ring((control + cpu * (1 + pages)) * _PAGE) for cpu in range(cpus)}
        self._rings = Rings(rings, spare, {}, self._submitted, self._bell)

    def _ring(self, at: int) -> PerfRing:
        memory = mmap.mmap(self._fd, (1 + self._pages) * _PAGE, offset=at)
        return PerfRing(os.eventfd(0), memory)  # it never wakes because it fills

    def begin(self, program: Path, load: Load) -> "subprocess.Popen[str]":
        """Starts the load; `pace` reads what it prints."""
        fds = self._fd, self._bell.fd
        numbers = *fds, self._cpus, self._pages, load.rate, load.execs
        command: proc.Command = [program, load.dump, *map(str, numbers)]
        return subprocess.Popen(command, pass_fds=fds, stdout=subprocess.PIPE, text=True)

    def track(self) -> None:
        pass

    attach = detach = track

    def wait(self, timeout_s: float) -> None:
        self._rings.wait(timeout_s)

    def watch(self, fds: Iterable[tuple[int, int]]) -> None:
        """A sleep also ends at these events of descriptors (poll(2))."""
        for fd, events in fds:
            self._rings.watch(fd, events, asleep=True)

    def sleep(self, timeout_s: float) -> bool:
        return self._rings.sleep(timeout_s)

    def read(self) -> Iterator[bytes]:
        return self._rings.read()

    def unread_ns(self) -> int | None:
        return self._rings.unread_ns()

    def follow(self, image: ImageKey) -> None:
        raise AssertionError("nothing runs already")

    def adopt(self, image: ImageKey) -> bool:
        raise AssertionError("nothing runs already")

    def counts(self) -> KernelCounts:
        cpus = COUNTERS.iter_unpack(self._control[_PAGE : _PAGE + self._cpus * COUNTERS.size])
        seen, lost, ends_lost, *_ = map(sum, zip(*cpus, strict=True))
        return KernelCounts(seen, lost, ends_lost)

    def _submitted(self, cpu: int) -> int:
        found: int = COUNTERS.unpack_from(self._control, _PAGE + cpu * COUNTERS.size)[-1]
        return found

    def close(self) -> None:
        self._rings.close()
        self._control.close()
        os.close(self._fd)


class _EventBell(Bell):
    """Rung through an eventfd."""

    def __init__(self, control: mmap.mmap) -> None:
        self.fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._control = control

    def listen(self, on: bool) -> None:
        self._control[: ASLEEP.size] = ASLEEP.pack(on)
        with contextlib.suppress(BlockingIOError):  # it has not rung
            os.eventfd_read(self.fd)

    def close(self) -> None:
        os.close(self.fd)


def pace(process: "subprocess.Popen[str]") -> Pace:
    """Of a load that has ended. Raises CalledProcessError."""
    said, _ = process.communicate()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return Pace(*json.loads(said))
