"""All entries of a map: in batches, or one by one where the kernel has no batches of its kind."""

import os
import struct
from collections.abc import Callable, Iterator

import pytest

from execdb.bpf.map import BytesMap, Map
from execdb.bpf.syscall import bpf

MAP_CREATE, HASH, ARRAY, LPM_TRIE, DEVMAP = 0, 1, 2, 11, 14  # bpf(2), include/uapi/linux/bpf.h
NO_PREALLOC = 1
LOOPBACK = struct.pack("=I", 1)  # its interface index

Create = Callable[[int, int, int], int]


@pytest.fixture
def create() -> Iterator[Create]:
    opened: list[int] = []

    def made(kind: int, key_size: int, value_size: int) -> int:
        flags = NO_PREALLOC if kind == LPM_TRIE else 0
        opened.append(bpf(MAP_CREATE, struct.pack("5I", kind, key_size, value_size, 4096, flags)))
        return opened[-1]

    yield made
    for fd in opened:
        os.close(fd)


@pytest.mark.parametrize("count", [0, 1, 1024, 2053])
def test_a_hash_is_read_whole(create: Create, count: int) -> None:
    found = Map(create(HASH, 4, 12), 12)
    wanted = {number * 7919: f"{number:012}".encode() for number in range(count)}
    for key, value in wanted.items():
        found[key] = value
    assert dict(found.items()) == wanted


@pytest.mark.parametrize("count", [0, 1, 1025])
def test_so_is_a_trie(create: Create, count: int) -> None:
    found = BytesMap(create(LPM_TRIE, 8, 4), 8, 4)
    wanted = {struct.pack("=II", 32, n): struct.pack("=I", n) for n in range(count)}
    for key, value in wanted.items():
        found[key] = value
    assert dict(found.items()) == wanted


def test_an_array_has_all_its_entries(create: Create) -> None:
    found = Map(create(ARRAY, 4, 8), 8)
    found[4095] = b"the last"
    entries = dict(found.items())
    assert len(entries) == 4096
    assert (entries[0], entries[4095]) == (bytes(8), b"the last")


def test_a_kind_without_batches_is_read_one_by_one(create: Create) -> None:
    found = Map(create(DEVMAP, 4, 4), 4)
    found[23] = LOOPBACK
    assert dict(found.items()) == {23: LOOPBACK}
