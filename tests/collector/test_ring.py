"""The ring, with us in the place of the kernel."""

import mmap
import struct

from execdb.bpf.ring import Ring
from tests.collector.records import sample


class HandRing(Ring):
    """A ring over memory of our own: one control page, one data page, and we are the kernel."""

    def __init__(self) -> None:
        self._size = mmap.PAGESIZE
        self._memory = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        self._head = 0

    def put(self, raw: bytes) -> None:
        for byte in raw:
            self._memory[mmap.PAGESIZE + self._head % mmap.PAGESIZE] = byte
            self._head += 1
        struct.pack_into("Q", self._memory, 1024, self._head)

    def room(self) -> int:
        (tail,) = struct.unpack_from("Q", self._memory, 1032)
        return mmap.PAGESIZE - (self._head - int(tail))


def test_what_wraps_around_the_end_comes_out_whole() -> None:
    ring = HandRing()
    for number in range(23):
        raw = sample(bytes([number]) * 997)
        ring.put(raw)
        assert ring.read() == raw


def test_reading_frees_the_place() -> None:
    ring = HandRing()
    ring.put(sample(b"x" * 997))
    assert ring.room() < mmap.PAGESIZE
    ring.read()
    assert ring.room() == mmap.PAGESIZE
    assert ring.read() == b""


def test_a_full_ring_is_not_taken_for_an_empty_one() -> None:
    ring = HandRing()
    raw = sample(b"x" * 1_012) * 4
    assert len(raw) == mmap.PAGESIZE
    ring.put(raw)
    assert ring.read() == raw
