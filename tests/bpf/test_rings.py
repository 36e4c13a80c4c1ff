"""The rings, with the test acting as the kernel."""

import mmap
import os
import struct
import time
from collections.abc import Sequence
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.bpf.rings.perf_ring import PerfRing
from execdb.bpf.rings.rings import Rings
from execdb.bpf.rings.spare_ring import SpareRing
from execdb.bpf.wire import SAMPLE
from tests.collector.records import sample


class HandRing(PerfRing):
    """A ring over memory of the test: one control page and one data page."""

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


class HandSpareRing(SpareRing):
    """A spare ring over memory of the test: the data is there twice in a row."""

    def __init__(self) -> None:
        self._size = mmap.PAGESIZE
        self._consumer, self._producer = mmap.mmap(-1, 8), mmap.mmap(-1, 8)
        self._data = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        self._head = 0

    def _put(self, raw: bytes) -> None:
        for byte in raw:
            for copy in (0, self._size):
                self._data[copy + self._head % self._size] = byte
            self._head += 1

    def put(self, data: bytes, *, busy: bool = False) -> None:
        """The kernel announces a record when it reserves its place: busy until it is written."""
        self._put(struct.pack("II", len(data) | busy << 31, 0))
        self._put(data.ljust((len(data) + 7) // 8 * 8, b"\0"))
        struct.pack_into("Q", self._producer, 0, self._head)

    def written(self, at: int) -> None:
        """The record at this position is no longer busy."""
        self._data[at + 3] &= 0x7F
        self._data[self._size + at + 3] &= 0x7F

    def room(self) -> int:
        (tail,) = struct.unpack("Q", self._consumer[:])
        return self._size - (self._head - int(tail))


@given(st.lists(st.lists(st.binary(min_size=1, max_size=97), max_size=7), max_size=97))
def test_each_record_of_the_spare_ring_comes_out_whole_and_once(drains: list[list[bytes]]) -> None:
    ring = HandSpareRing()
    for datas in drains:
        for data in datas:
            ring.put(data)
        assert ring.read() == b"".join(map(sample, datas))
        assert ring.room() == mmap.PAGESIZE


def test_a_record_that_is_being_written_waits_with_those_after_it() -> None:
    ring = HandSpareRing()
    ring.put(b"first")
    ring.put(b"second", busy=True)
    ring.put(b"third")
    assert ring.read() == sample(b"first")
    assert ring.read() == b""
    ring.written(at=16)
    assert ring.read() == sample(b"second") + sample(b"third")


@pytest.mark.parametrize("spare", [False, True])
def test_the_kernel_sees_every_position_whole(spare: bool) -> None:
    """Another CPU that reads along sees the position before or the one after, nothing else."""
    ring = HandSpareRing() if spare else HandRing()
    place = ring._consumer if isinstance(ring, HandSpareRing) else ring._memory
    at = 0 if isinstance(ring, HandSpareRing) else 1032
    over, zeros = mmap.mmap(-1, 8), mmap.mmap(-1, 8)
    put = partial(ring.put, sample(b"x" * 23))
    put()
    ring.read()
    watcher = os.fork()
    if watcher == 0:
        positions = memoryview(place).cast("Q")
        while not over[0]:
            for _ in range(1_009):
                if positions[at // 8] == 0:
                    zeros[0] = 1
        os._exit(0)
    until_s = time.monotonic() + 1
    while time.monotonic() < until_s:
        put()
        ring.read()
    over[0] = 1
    os.waitpid(watcher, 0)
    assert zeros[0] == 0


class HandRings(Rings):
    """Over rings of the test."""

    def __init__(self, rings: Sequence[PerfRing]) -> None:
        self._rings = dict(enumerate(rings))
        self._spare = HandSpareRing()
        self._behind = False
        self._submitted = lambda cpu: rings[cpu]._head
        self._drained = {}


class LargeRing(HandRing):
    PAGES = 512

    def __init__(self) -> None:
        self._size = self.PAGES * mmap.PAGESIZE
        self._memory = mmap.mmap(-1, (1 + self.PAGES) * mmap.PAGESIZE)
        self._head = 0

    def put(self, raw: bytes) -> None:
        at = self._head % self._size
        whole = self._memory[mmap.PAGESIZE :]
        whole = whole[:at] + raw + whole[at + len(raw) :]
        if len(whole) > self._size:  # wraps
            over = len(whole) - self._size
            whole = whole[self._size :] + whole[over : self._size]
        self._memory[mmap.PAGESIZE :] = whole
        self._head += len(raw)
        struct.pack_into("Q", self._memory, 1024, self._head)


def times_in(chunk: bytes) -> list[int]:
    found, at = [], 0
    while at < len(chunk):
        kind, _, size = struct.unpack_from("=IHH", chunk, at)
        if kind == SAMPLE:
            found.append(int(struct.unpack_from("Q", chunk, at + 12)[0]))
        at += size
    assert at == len(chunk)  # whole records
    return found


@pytest.mark.parametrize("start", [0, 2_000_000, 2_097_144])
def test_full_rings_are_read_in_slices_and_in_order(start: int) -> None:
    """One ring holds a few large records from a long time, one many from a part of that time."""
    rings = [LargeRing(), LargeRing(), LargeRing()]
    for ring in rings[:2]:
        ring._head = start
        struct.pack_into("QQ", ring._memory, 1024, start, start)
    large = [b"".join(sample(struct.pack("Q996x", ns)) for ns in range(0, 1_999_000, 1_000))]
    small = [b"".join(sample(struct.pack("Q196x", ns)) for ns in range(500_000, 509_000))]
    rings[0].put(large[0])
    rings[1].put(small[0])
    source, read, reads, settled_ns = HandRings(rings), [], 0, 0
    while True:
        chunks = list(source.read())
        assert sum(map(len, chunks)) <= (1 << 20) + (128 << 10)
        times = [ns for chunk in chunks for ns in times_in(chunk)]
        assert min(times) >= settled_ns  # nothing older comes after what was said to be complete
        read += times
        reads += 1
        unread_ns = source.unread_ns()
        if unread_ns is None:
            break
        settled_ns = unread_ns
    assert sorted(read) == sorted([*range(0, 1_999_000, 1_000), *range(500_000, 509_000)])
    assert reads >= 4
    assert list(source.read()) == []
    told = {cpu: int.from_bytes(raw, "little") for cpu, raw in source._drained.items()}
    assert told == {cpu: source._submitted(cpu) for cpu in told}
    assert len(told) >= 2


def test_of_many_full_rings_most_of_what_is_read_can_be_stored() -> None:
    """Only what is older than the oldest record that is left can."""
    rings = [LargeRing() for _ in range(37)]
    for number, ring in enumerate(rings):
        ring.put(b"".join(sample(struct.pack("Q196x", ns * 37 + number)) for ns in range(2_003)))
    source, waiting = HandRings(rings), []
    most = 0
    while True:
        waiting += [ns for chunk in source.read() for ns in times_in(chunk)]
        unread_ns = source.unread_ns()
        if unread_ns is None:
            break
        waiting = [ns for ns in waiting if ns >= unread_ns]
        most = max(most, len(waiting))
    assert most * len(sample(bytes(204))) < 1 << 20
