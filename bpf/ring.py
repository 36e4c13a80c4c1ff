"""The per-CPU rings of the perf buffer, mapped and read directly.

Layout as in perf_event_open(2), "MMAP layout": page 0 is control, data follows; records
wrap around the end.
"""

import contextlib
import errno
import mmap
import os
import select
import struct
from collections.abc import Iterator
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map

_PAGE = mmap.PAGESIZE
_HEAD, _TAIL = 1024, 1032  # data_head, data_tail in struct perf_event_mmap_page
_U64 = struct.Struct("Q")


class Ring:
    """One CPU's ring. `pages` must be a power of two. Raises OSError (ENODEV: CPU is offline)."""

    def __init__(self, cpu: int, pages: int) -> None:
        self.fd = syscall.open_bpf_output(cpu)
        try:
            self._memory = mmap.mmap(self.fd, (1 + pages) * _PAGE)
        except OSError:
            os.close(self.fd)
            raise
        self._size = pages * _PAGE

    def read(self) -> bytes:
        """What has been written since the last read; frees its place in the ring."""
        memory, size = self._memory, self._size
        (head,) = _U64.unpack_from(memory, _HEAD)
        (tail,) = _U64.unpack_from(memory, _TAIL)
        if head == tail:
            return b""
        start, end = tail % size, head % size
        if start < end:
            chunk = memory[_PAGE + start : _PAGE + end]
        else:
            chunk = memory[_PAGE + start :] + memory[_PAGE : _PAGE + end]
        _U64.pack_into(memory, _TAIL, head)
        return chunk

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


def online_cpus() -> list[int]:
    """The CPUs that run now, from sysfs (Documentation/admin-guide/cputopology.rst)."""
    return _cpu_list(Path("/sys/devices/system/cpu/online").read_text())


def possible_cpus() -> int:
    """How many CPUs the kernel can have, ids 0 to N-1: the size of its per-CPU tables."""
    return _cpu_list(Path("/sys/devices/system/cpu/possible").read_text())[-1] + 1


def _cpu_list(text: str) -> list[int]:
    cpus: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus


class Rings:
    """The rings of all CPUs that are online; `refresh` follows CPUs that come and go."""

    def __init__(self, output: Map, pages: int) -> None:
        self._output = output
        self._pages = pages
        self._rings: dict[int, Ring] = {}
        self._away: set[int] = set()  # CPUs that went offline and have a ring
        self._poll = select.poll()
        try:
            self.refresh()
        except BaseException:
            self.close()
            raise

    def refresh(self) -> None:
        """Opens a ring for each CPU that came online. A ring whose CPU went away stays, as what it
        holds is still to be read, until the CPU is back: the kernel has taken it off that CPU for
        good. One that something else has taken out of the map is put back."""
        online = set(online_cpus())
        for cpu in self._away & online:
            ring = self._rings.pop(cpu)
            self._poll.unregister(ring.fd)
            ring.close()
        self._away = self._rings.keys() - online
        with contextlib.suppress(PermissionError):  # a map that is frozen keeps what it has
            for cpu, ring in self._rings.items():
                self._output[cpu] = struct.pack("=I", ring.fd)
        for cpu in sorted(online):
            if cpu not in self._rings:
                with contextlib.suppress(_Offline):
                    self._open(cpu)

    def try_to_grow(self) -> None:
        """Does what a CPU that comes online later will ask for, and undoes it; nothing where every
        CPU that there can be has its ring. Raises PermissionError."""
        if len(self._rings) < possible_cpus():
            os.close(syscall.open_bpf_output(next(iter(self._rings))))

    def _open(self, cpu: int) -> None:
        try:
            ring = Ring(cpu, self._pages)
        except OSError as error:
            if error.errno == errno.ENODEV:  # went offline since the list was read
                raise _Offline from error
            if error.errno in (errno.EPERM, errno.ENOMEM, errno.EACCES):
                raise KernelError(
                    f"no ring of {self._pages} pages for CPU {cpu} ({error.strerror}): "
                    "take a smaller --ring-pages, or give CAP_IPC_LOCK or more "
                    "kernel.perf_event_mlock_kb"
                ) from error
            raise KernelError(f"cannot open a perf ring on CPU {cpu}: {error.strerror}") from error
        self._rings[cpu] = ring
        self._output[cpu] = struct.pack("=I", ring.fd)
        syscall.enable(ring.fd)
        self._poll.register(ring.fd, select.POLLIN)

    def watch(self, fd: int) -> None:
        """`wait` also returns when this descriptor becomes readable."""
        self._poll.register(fd, select.POLLIN)

    def wait(self, timeout_s: float) -> None:
        """Returns after the time, or earlier when a ring is half full."""
        self._poll.poll(max(0.0, timeout_s) * 1000)

    def read(self) -> Iterator[bytes]:
        """What is now in the rings, a stretch of whole records for each, in order within each CPU
        only. Bounded: a ring is read up to where its head stood when its turn came."""
        for ring in self._rings.values():
            chunk = ring.read()
            if chunk:
                yield chunk

    def close(self) -> None:
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()


class _Offline(Exception):
    pass
