"""All rings together: opened, waited for, and read in turn."""

import contextlib
import errno
import select
import struct
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from heapq import heapify, heappop, heapreplace

from execdb.bpf import syscall
from execdb.bpf.cpus import online_cpus
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map
from execdb.bpf.rings.bell import Bell
from execdb.bpf.rings.perf_ring import U64, PerfRing, open_ring
from execdb.bpf.rings.spare_ring import SpareRing

_AT_ONCE = 1 << 20  # bytes of all rings; as events they may take twenty times as much
_SLICE = 128 << 10  # bytes of one ring, or fewer of many rings, if all have more than that together


class Rings:
    """One ring for each CPU that is online now, and the spare one. (The kernel detaches the ring of
    a CPU that goes offline; that CPU uses the spare ring afterwards.)

    `rings` are those of the CPUs. `submitted` returns how many bytes a CPU's program has put into
    its ring, and the map `drained` (CPU -> u64) tells the program how many of them were read."""

    def __init__(
        self,
        rings: Mapping[int, PerfRing],
        spare: SpareRing,
        drained: MutableMapping[int, bytes],
        submitted: Callable[[int], int],
        bell: Bell,
    ) -> None:
        self._rings, self._spare, self._bell = dict(rings), spare, bell
        self._drained, self._submitted = drained, submitted
        self._poll, self._sleep = select.poll(), select.poll()
        self._sleep.register(bell.fd, select.POLLIN)
        for ring in rings.values():
            self._poll.register(ring.fd, select.POLLIN)
        self._behind = False  # whether the last read may have left something

    def watch(self, fd: int, events: int, *, asleep: bool = False) -> None:
        """`sleep`, and unless it is `asleep` alone also `wait`, return as well at these events of a
        descriptor (poll(2))."""
        self._sleep.register(fd, events)
        if not asleep:
            self._poll.register(fd, events)

    def wait(self, timeout_s: float) -> None:
        """Returns after `timeout_s`, or earlier once a quarter of a ring has been filled."""
        self._poll.poll(max(0.0, timeout_s) * 1000)

    def sleep(self, timeout_s: float) -> bool:
        """Returns after `timeout_s`, or as soon as there is anything to read. False if nothing woke
        it."""
        self._bell.listen(True)
        try:
            if self._spare.unread or any(ring.unread for ring in self._rings.values()):
                return True
            return bool(self._sleep.poll(timeout_s * 1000))
        finally:
            self._bell.listen(False)

    def read(self) -> Iterator[bytes]:
        """What is now in the rings, in chunks of whole records, ordered within each CPU only.

        Bounded: a ring is read up to where its head is when its turn comes. If there is more than
        1 MiB, about that much is read in slices, those with the oldest records first; `unread_ns`
        then tells what is left."""
        self._behind = sum([ring.unread for ring in self._rings.values()]) > _AT_ONCE
        if self._behind:
            yield from self._oldest_slices()
        else:
            for cpu, ring in self._rings.items():
                if ring.unread:
                    yield self._take(cpu)
        chunk = self._spare.read()
        if chunk:
            yield chunk

    def _oldest_slices(self) -> Iterator[bytes]:
        """Of many rings short slices: the oldest record of the ring that is read least bounds what
        can be stored of all."""
        most, left = min(_SLICE, _AT_ONCE // len(self._rings)), _AT_ONCE
        times = [(ring.oldest_ns(), cpu) for cpu, ring in self._rings.items()]
        waiting = [(ns, cpu) for ns, cpu in times if ns is not None]
        heapify(waiting)
        while left > 0 and waiting:
            _, cpu = waiting[0]
            chunk = self._take(cpu, most)
            left -= len(chunk)
            yield chunk
            ns = self._rings[cpu].oldest_ns()
            if ns is None:
                heappop(waiting)
            else:
                heapreplace(waiting, (ns, cpu))

    def _take(self, cpu: int, max_bytes: int | None = None) -> bytes:
        """Reads a ring and tells the program how many of the bytes that it submitted were read."""
        submitted = self._submitted(cpu)  # before the read: the result may be too low, not too high
        chunk = self._rings[cpu].read(max_bytes)
        self._drained[cpu] = U64.pack(max(0, submitted - self._rings[cpu].unread))
        return chunk

    def unread_ns(self) -> int | None:
        """Boot time from which on the last `read` may have left records; None if it left none."""
        if not self._behind:
            return None
        times = (ring.oldest_ns() for ring in self._rings.values())
        return min((ns for ns in times if ns is not None), default=None)

    def close(self) -> None:
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
        self._spare.close()
        self._bell.close()


def open_rings(output: Map, pages: int) -> dict[int, PerfRing]:
    """A ring of so many pages for each CPU that is online now, put into the map `output`. Raises
    KernelError."""
    rings: dict[int, PerfRing] = {}
    try:
        for cpu in online_cpus():
            with contextlib.suppress(_Offline):
                ring = rings[cpu] = _opened(cpu, pages)
                output[cpu] = struct.pack("=I", ring.fd)
                syscall.enable(ring.fd)
    except BaseException:
        for ring in rings.values():
            ring.close()
        raise
    return rings


def _opened(cpu: int, pages: int) -> PerfRing:
    try:
        return open_ring(cpu, pages)
    except OSError as error:
        if error.errno == errno.ENODEV:  # went offline since the list was read
            raise _Offline from error
        if error.errno in (errno.EPERM, errno.ENOMEM, errno.EACCES):
            raise KernelError(
                f"no ring of {pages} pages for CPU {cpu} ({error.strerror}): "
                "use a smaller --ring-pages, or give CAP_IPC_LOCK or a larger "
                "kernel.perf_event_mlock_kb"
            ) from error
        raise KernelError(f"cannot open a perf ring on CPU {cpu}: {error.strerror}") from error


class _Offline(Exception):
    pass
