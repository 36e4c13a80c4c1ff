"""The kernel as a source of records: loads, attaches, drains, counts."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from execdb.bpf.loader import Program, load
from execdb.bpf.ring import Rings
from execdb.bpf.wire import COUNTERS


class KernelCounts(NamedTuple):
    """Totals over all CPUs since the program was attached."""

    seen: int
    lost: int


class KernelSource:
    """The BPF program of this process's life. Nothing outlives its descriptors.

    Raises KernelError when it cannot be loaded or attached.
    """

    def __init__(self, ring_pages: int) -> None:
        self.program: Program = load()
        self._link: int | None = None
        try:
            self._rings = Rings(self.program.output, ring_pages)
        except BaseException:
            self.program.close()
            raise

    def attach(self) -> None:
        """From here on every exec is counted."""
        self._link = self.program.attach()

    def detach(self) -> None:
        """No exec is counted any more; what is in the rings can still be read."""
        if self._link is not None:
            os.close(self._link)
            self._link = None

    def wait(self, timeout_s: float) -> None:
        self._rings.wait(timeout_s)

    def watch(self, fd: int) -> None:
        self._rings.watch(fd)

    def read(self) -> Iterator[bytes]:
        return self._rings.read()

    def refresh(self) -> None:
        """Follows CPUs that came online."""
        self._rings.refresh()

    def counts(self) -> KernelCounts:
        cpus = COUNTERS.iter_unpack(self.program.counters[0])
        seen, lost = map(sum, zip(*cpus, strict=True))
        return KernelCounts(seen, lost)

    def close(self) -> None:
        self.detach()
        self._rings.close()
        self.program.close()
