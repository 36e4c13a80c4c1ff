"""The per-CPU rings of the perf buffer, and the spare one, mapped and read directly.

Layout as in perf_event_open(2), "MMAP layout": page 0 is control, data follows; records
wrap around the end.
"""

import contextlib
import errno
import mmap
import os
import select
import struct
from collections.abc import Callable, Iterator, MutableMapping
from operator import itemgetter
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.errors import KernelError
from execdb.bpf.map import Map
from execdb.bpf.wire import RING_HEAD, SAMPLE, TYPE_AT

_PAGE = mmap.PAGESIZE
_HEAD, _TAIL = 1024, 1032  # data_head, data_tail in struct perf_event_mmap_page
_U64 = struct.Struct("Q")
SPARE_BYTES = 2 << 20  # a power of two
_SPARE_HEADER = struct.Struct("II")
_BUSY = 1 << 31  # BPF_RINGBUF_BUSY_BIT
_AT_ONCE = 1 << 20  # bytes of all rings; as events they may take twenty times as much
_SLICE = 128 << 10  # bytes of a ring, where more than that is in all of them; a record fits
_SIZE = struct.Struct("H")
_SIZE_AT = 6  # in a ring's record


class Ring:
    """One CPU's ring. `pages` must be a power of two. Raises OSError (ENODEV: CPU is offline)."""

    def __init__(self, cpu: int, pages: int) -> None:
        # At half of what long records may fill (bpf/c/budget.h).
        self.fd = syscall.open_bpf_output(cpu, wake_bytes=pages * _PAGE // 4)
        try:
            self._memory = mmap.mmap(self.fd, (1 + pages) * _PAGE)
        except OSError:
            os.close(self.fd)
            raise
        self._size = pages * _PAGE

    @property
    def unread(self) -> int:
        """How many bytes are to be read."""
        memory = self._memory
        return int(_U64.unpack_from(memory, _HEAD)[0] - _U64.unpack_from(memory, _TAIL)[0])

    def read(self, most: int | None = None) -> bytes:
        """What has been written since the last read, or the whole records of the first `most`
        bytes of it; frees its place in the ring."""
        memory, size = self._memory, self._size
        (head,) = _U64.unpack_from(memory, _HEAD)
        (tail,) = _U64.unpack_from(memory, _TAIL)
        if most is not None and head - tail > most:
            head = self._boundary(tail, tail + most)
        if head == tail:
            return b""
        start, end = tail % size, head % size
        if start < end:
            chunk = memory[_PAGE + start : _PAGE + end]
        else:
            chunk = memory[_PAGE + start :] + memory[_PAGE : _PAGE + end]
        _give_back(memory, _TAIL, head)
        return chunk

    def _boundary(self, at: int, end: int) -> int:
        """Where the last record begins that reaches beyond `end`."""
        memory, size = self._memory, self._size
        while True:  # a record is a multiple of 8 bytes, and so is a ring
            (length,) = _SIZE.unpack_from(memory, _PAGE + at % size + _SIZE_AT)
            if length == 0 or at + length > end:
                return at if length else end  # with 0 it is no ring of records
            at += length

    def oldest_ns(self) -> int | None:
        """When the next record was written; None if there is none, 0 if it does not say."""
        memory, size = self._memory, self._size
        (tail,) = _U64.unpack_from(memory, _TAIL)
        if not self.unread:
            return None
        if memory[_PAGE + tail % size + TYPE_AT] != SAMPLE:
            return 0
        raw = b"".join(
            memory[at : at + 4]  # may wrap
            for at in (_PAGE + (tail + RING_HEAD.size + n) % size for n in (0, 4))
        )
        return int(_U64.unpack(raw)[0])

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


class SpareRing:
    """The BPF ring buffer that CPUs without a ring of their own share. Raises OSError.

    Layout as in the kernel's kernel/bpf/ringbuf.c: a page with the consumer's position, one with
    the producer's, then the data, twice in a row, so that no record wraps. Records are
    `{u32 length, u32}` and their bytes, each at a multiple of 8.
    """

    def __init__(self, fd: int) -> None:
        self._fd, self._size = fd, SPARE_BYTES
        self._consumer = mmap.mmap(fd, _PAGE)
        self._producer = mmap.mmap(fd, _PAGE, prot=mmap.PROT_READ, offset=_PAGE)
        self._data: mmap.mmap | None = None  # until it is needed, which may be never

    def read(self) -> bytes:
        """What has been written since the last read, as it would stand in another ring; frees its
        place. A record that is still being written waits, with those behind it."""
        (at,), (end,) = _U64.unpack_from(self._consumer), _U64.unpack_from(self._producer)
        if at == end:
            return b""
        if self._data is None:
            length = 2 * self._size
            self._data = mmap.mmap(self._fd, length, prot=mmap.PROT_READ, offset=2 * _PAGE)
        parts: list[bytes] = []
        while at < end:
            start = at % self._size + _SPARE_HEADER.size
            length, _ = _SPARE_HEADER.unpack_from(self._data, at % self._size)
            if length & _BUSY:
                break
            parts.append(RING_HEAD.pack(SAMPLE, 0, RING_HEAD.size + length, length))
            parts.append(self._data[start : start + length])
            at += (_SPARE_HEADER.size + length + 7) // 8 * 8
        _give_back(self._consumer, 0, at)
        return b"".join(parts)

    def close(self) -> None:
        for memory in (self._consumer, self._producer, self._data):
            if memory is not None:
                memory.close()


def _give_back(memory: mmap.mmap, at: int, position: int) -> None:
    """Writes how far a ring was read, in one store: the kernel looks at any time, and `pack_into`
    would write zeros first."""
    memory[at : at + _U64.size] = _U64.pack(position)


class Rings:
    """A ring for each CPU that is online now, and the spare one. A CPU that goes offline leaves its
    ring for good: the kernel sees to that. `submitted` tells how many bytes a CPU's program has
    put into its ring, and `drained` (CPU -> u64) tells the program how many of them were read."""

    def __init__(
        self,
        output: Map,
        spare: Map,
        pages: int,
        drained: MutableMapping[int, bytes],
        submitted: Callable[[int], int],
    ) -> None:
        self._output = output
        self._drained, self._submitted = drained, submitted
        self._pages = pages
        self._rings: dict[int, Ring] = {}
        self._poll = select.poll()
        self._spare = SpareRing(spare.fd)
        self._behind = False  # the last read has left something
        try:
            for cpu in online_cpus():
                with contextlib.suppress(_Offline):
                    self._open(cpu)
        except BaseException:
            self.close()
            raise

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
        """Returns after the time, or earlier when a quarter of a ring has filled."""
        self._poll.poll(max(0.0, timeout_s) * 1000)

    def read(self) -> Iterator[bytes]:
        """What is now in the rings, stretches of whole records, in order within each CPU only.
        Bounded: a ring is read up to where its head stood when its turn came. Where much
        is there it is read in slices, the oldest first, and `unread_ns` tells how far that
        came."""
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
        left = _AT_ONCE
        while left > 0:
            times = [(ring.oldest_ns(), cpu) for cpu, ring in self._rings.items()]
            waiting = [(ns, cpu) for ns, cpu in times if ns is not None]
            if not waiting:
                return
            chunk = self._take(min(waiting, key=itemgetter(0))[1], _SLICE)
            left -= len(chunk)
            yield chunk

    def _take(self, cpu: int, most: int | None = None) -> bytes:
        """Reads a ring, and tells the program, by its own count of what it had `submitted`, how
        much of that was read."""
        submitted = self._submitted(cpu)  # before it is read: rather too little than more
        chunk = self._rings[cpu].read(most)
        self._drained[cpu] = _U64.pack(max(0, submitted - self._rings[cpu].unread))
        return chunk

    def unread_ns(self) -> int | None:
        """From when on there may be records that the last `read` has left; None if it took all
        there were."""
        if not self._behind:
            return None
        times = (ring.oldest_ns() for ring in self._rings.values())
        return min((ns for ns in times if ns is not None), default=None)

    def close(self) -> None:
        for ring in self._rings.values():
            ring.close()
        self._rings.clear()
        self._spare.close()


class _Offline(Exception):
    pass
