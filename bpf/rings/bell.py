"""The bell: the program rings it when it has written a record while user space sleeps."""

import mmap

from execdb.bpf.rings.perf_ring import U64, give_back
from execdb.bpf.wire import ASLEEP

_PAGE = mmap.PAGESIZE


class Bell:
    """A BPF ring buffer of one page that only wakes: what is in it means nothing. `asleep` is a
    descriptor of the map in which the program looks whether to ring. Raises OSError.

    Records in the perf buffer cannot wake one by one: whether they do is settled when the buffer is
    opened, and a wake-up for each takes several times as long as the record."""

    def __init__(self, fd: int, asleep: int) -> None:
        self.fd = fd  # can be read once the bell has rung
        self._asleep = mmap.mmap(asleep, _PAGE)
        self._consumer = mmap.mmap(fd, _PAGE)
        self._producer = mmap.mmap(fd, _PAGE, prot=mmap.PROT_READ, offset=_PAGE)

    def listen(self, on: bool) -> None:
        """Sets whether the next record rings. What has rung before is forgotten."""
        if on:
            self._forget()
        self._asleep[: ASLEEP.size] = ASLEEP.pack(on)
        if not on:
            self._forget()

    def _forget(self) -> None:
        (rung,) = U64.unpack_from(self._producer)
        give_back(self._consumer, 0, rung)

    def close(self) -> None:
        for memory in (self._asleep, self._consumer, self._producer):
            memory.close()
