"""Whoever hands text over never waits, and nothing that was left out goes unsaid."""

import contextlib
import os
import select
import threading
import time
from collections.abc import Iterator

import pytest

from execdb.cli.output.outlet import Outlet

PATIENCE_S = 30


class Reader:
    """A pipe with an outlet on one end."""

    def __init__(self, most: int = 1_109, non_blocking: bool = False) -> None:
        self.read, self.write = os.pipe()
        os.set_blocking(self.write, not non_blocking)
        self.missed: list[int] = []
        self.gone = threading.Event()
        self.outlet = Outlet(self.write, most, self._miss, gone=self.gone.set)

    def _miss(self, count: int) -> str:
        self.missed.append(count)
        return f"({count} missed)\n"

    def until(self, end: bytes) -> bytes:
        found = b""
        while not found.endswith(end):
            found += os.read(self.read, 65_536)
        return found

    def fill(self) -> int:
        """Writes until nothing more goes in, as if nobody read for a while."""
        os.set_blocking(self.write, False)
        size = 0
        try:
            while True:
                size += os.write(self.write, b"x" * 4_096)
        except BlockingIOError:
            return size

    def close(self) -> None:
        for fd in (self.read, self.write):
            with contextlib.suppress(OSError):
                os.close(fd)


@pytest.fixture(params=[False, True], ids=["blocking", "non-blocking"])
def reader(request: pytest.FixtureRequest) -> Iterator[Reader]:
    reader = Reader(non_blocking=request.param)
    yield reader
    reader.close()


def test_before_the_start_a_line_is_written_at_once_if_that_does_not_block(reader: Reader) -> None:
    reader.outlet.put(["a\n"], 1, 2)
    assert reader.until(b"\n") == b"a\n"
    long = "y" * (select.PIPE_BUF // 4) + "\n"  # with 4 bytes each a pipe might take a part of it
    reader.outlet.put([long], 1, len(long))
    reader.outlet.put(["b\n"], 1, 2)  # behind it
    os.set_blocking(reader.read, False)
    with pytest.raises(BlockingIOError):
        os.read(reader.read, 1)
    os.set_blocking(reader.read, True)
    reader.outlet.start()
    assert reader.until(b"b\n") == f"{long}b\n".encode()
    assert reader.outlet.close(PATIENCE_S) == 0


def test_before_the_start_a_full_pipe_is_not_waited_for(reader: Reader) -> None:
    size = reader.fill()
    os.set_blocking(reader.write, True)
    reader.outlet.put(["a\n"], 1, 2)
    reader.outlet.start()
    assert len(reader.until(b"a\n")) == size + 2
    assert reader.outlet.close(PATIENCE_S) == 0


def test_what_was_never_started_is_written_at_the_end(reader: Reader) -> None:
    reader.outlet.put(["a\n", "b\n"], 2, 4)
    assert reader.outlet.close(PATIENCE_S) == 0
    assert reader.until(b"b\n") == b"a\nb\n"


def test_a_reader_that_is_slow_gets_everything(reader: Reader) -> None:
    text = "0123456789\n" * 50_021
    reader.outlet.put([text, "end\n"], 2, len(text))
    reader.outlet.start()
    assert reader.until(b"end\n") == text.encode() + b"end\n"
    assert reader.outlet.close(PATIENCE_S) == 0


def test_what_finds_no_room_is_counted_and_said_when_it_is_read_again(reader: Reader) -> None:
    blocking = os.get_blocking(reader.write)
    size = reader.fill()
    os.set_blocking(reader.write, blocking)
    reader.outlet.start()
    started_s = time.monotonic()
    for number in range(997):
        reader.outlet.put([f"{number:6d}\n"], 1, 7)
    assert time.monotonic() - started_s < PATIENCE_S
    kept = 1_109 // 7
    shown = b""
    while shown.count(b"\n") < kept + 1:
        shown += os.read(reader.read, 65_536)
    lines = shown[size:].decode().splitlines()
    assert reader.missed == [997 - kept]
    assert [int(line) for line in lines if "missed" not in line] == list(range(kept))
    assert f"({997 - kept} missed)" in lines
    reader.outlet.close(PATIENCE_S)


def test_closing_is_bounded_while_nobody_reads(reader: Reader) -> None:
    blocking = os.get_blocking(reader.write)
    reader.fill()
    os.set_blocking(reader.write, blocking)
    reader.outlet.start()
    for _ in range(23):
        reader.outlet.put(["x\n"], 1, 2)
    started_s = time.monotonic()
    assert reader.outlet.close(0.1) == 23
    assert time.monotonic() - started_s < PATIENCE_S


def test_a_reader_that_goes_is_noticed(reader: Reader) -> None:
    os.close(reader.read)
    reader.outlet.start()
    reader.outlet.put(["x\n"], 1, 2)
    assert reader.gone.wait(PATIENCE_S)
    reader.outlet.put(["y\n"], 1, 2)
    assert reader.outlet.close(PATIENCE_S) == 2


def test_a_full_disk_is_said_once_and_does_not_hold_up_the_end() -> None:
    said: list[str] = []
    told = threading.Event()

    def full(why: str) -> None:
        said.append(why)
        told.set()

    with open("/dev/full", "w") as file:
        outlet = Outlet(file.fileno(), 1_009, str, full)
        outlet.start()
        for _ in range(7):
            outlet.put(["x\n"], 1, 2)
        assert told.wait(PATIENCE_S)
        assert outlet.close(PATIENCE_S) == 7
    assert said == ["No space left on device"]


def test_what_the_encoding_lacks_is_escaped() -> None:
    read, write = os.pipe()
    outlet = Outlet(write, 1_009, str, encoding="ascii")
    outlet.put(["caf\u00e9 \udcff\n"], 1, 6)
    assert outlet.close(PATIENCE_S) == 0
    assert os.read(read, 100) == b"caf\\xe9 \\udcff\n"
    os.close(read)
    os.close(write)
