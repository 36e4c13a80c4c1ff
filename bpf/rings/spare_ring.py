"""The ring for CPUs that have none of their own in the perf buffer."""

import mmap
import struct

from execdb.bpf.rings.perf_ring import U64, give_back
from execdb.bpf.wire import RING_HEAD, SAMPLE, SPARE_BYTES

_PAGE = mmap.PAGESIZE
_SPARE_HEADER = struct.Struct("II")  # length, offset of the page
_BUSY = 1 << 31  # BPF_RINGBUF_BUSY_BIT


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

    @property
    def unread(self) -> bool:
        """Whether there is something to read."""
        return self._consumer[: U64.size] != self._producer[: U64.size]

    def read(self) -> bytes:
        """What has been written since the last read, in the format of a perf ring; frees its
        place. A record that is still being written waits, with those after it."""
        (at,), (end,) = U64.unpack_from(self._consumer), U64.unpack_from(self._producer)
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
        give_back(self._consumer, 0, at)
        return b"".join(parts)

    def close(self) -> None:
        for memory in (self._consumer, self._producer, self._data):
            if memory is not None:
                memory.close()
