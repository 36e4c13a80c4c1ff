"""The ring of one CPU in the perf buffer, mapped and read directly."""

import mmap
import os
import struct

from execdb.bpf import syscall
from execdb.bpf.wire import RING_HEAD, SAMPLE, TYPE_AT

U64 = struct.Struct("Q")
_PAGE = mmap.PAGESIZE
_HEAD, _TAIL = 1024, 1032  # data_head, data_tail in struct perf_event_mmap_page
_SIZE = struct.Struct("H")
_SIZE_AT = 6  # in a ring's record


class PerfRing:
    """One CPU's ring in this memory; its data are a power of two of pages. `fd` can be read once
    much has been written. `close` closes both.

    Layout as in perf_event_open(2), "MMAP layout": page 0 is control, data follows; records wrap
    around the end.
    """

    def __init__(self, fd: int, memory: mmap.mmap) -> None:
        self.fd, self._memory = fd, memory
        self._size = len(memory) - _PAGE

    @property
    def unread(self) -> int:
        """How many bytes there are to read."""
        memory = self._memory
        return int(U64.unpack_from(memory, _HEAD)[0] - U64.unpack_from(memory, _TAIL)[0])

    def read(self, max_bytes: int | None = None) -> bytes:
        """What has been written since the last read, or of it the whole records within the first
        `max_bytes`, at least one; frees their place in the ring."""
        memory, size = self._memory, self._size
        (head,) = U64.unpack_from(memory, _HEAD)
        (tail,) = U64.unpack_from(memory, _TAIL)
        if max_bytes is not None and head - tail > max_bytes:
            head = self._boundary(tail, tail + max_bytes)
        if head == tail:
            return b""
        start, end = tail % size, head % size
        if start < end:
            chunk = memory[_PAGE + start : _PAGE + end]
        else:
            chunk = memory[_PAGE + start :] + memory[_PAGE : _PAGE + end]
        give_back(memory, _TAIL, head)
        return chunk

    def _boundary(self, at: int, end: int) -> int:
        """The position of the first record, from `at` on, that reaches beyond `end`; if it is the
        first of all, that of the second."""
        memory, size, first = self._memory, self._size, at
        while True:  # a record is a multiple of 8 bytes, and so is a ring
            (length,) = _SIZE.unpack_from(memory, _PAGE + at % size + _SIZE_AT)
            if length == 0:
                return end  # 0 cannot be in a ring of records
            if at + length > end:
                return at if at > first else at + length
            at += length

    def oldest_ns(self) -> int | None:
        """Boot time of the next record; None if there is none, 0 if it has no time."""
        memory, size = self._memory, self._size
        (tail,) = U64.unpack_from(memory, _TAIL)
        if not self.unread:
            return None
        if memory[_PAGE + tail % size + TYPE_AT] != SAMPLE:
            return 0
        raw = b"".join(
            memory[at : at + 4]  # may wrap
            for at in (_PAGE + (tail + RING_HEAD.size + n) % size for n in (0, 4))
        )
        return int(U64.unpack(raw)[0])

    def close(self) -> None:
        self._memory.close()
        os.close(self.fd)


def open_ring(cpu: int, pages: int) -> PerfRing:
    """The kernel's ring of that CPU, with so many pages. Raises OSError (ENODEV: it is offline)."""
    # Half of what long records may fill (bpf/c/budget.h).
    fd = syscall.open_bpf_output(cpu, wake_bytes=pages * _PAGE // 4)
    try:
        return PerfRing(fd, mmap.mmap(fd, (1 + pages) * _PAGE))
    except OSError:
        os.close(fd)
        raise


def give_back(memory: mmap.mmap, at: int, position: int) -> None:
    """Writes how far a ring was read, in one store: the kernel may look at any time, and
    `pack_into` would write zeros first."""
    memory[at : at + U64.size] = U64.pack(position)
