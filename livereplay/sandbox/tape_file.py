"""The memory in which a tape is, for the stubs to map, and its start."""

import os
import time
from array import array

from execdb.livereplay.tape.stub import SIZE
from execdb.livereplay.tape.tape import started

_MARGIN_NS, _PER_TIME_NS = 30_000_000, 2_000


class TapeFile:
    """The memory in which a tape is, for the stubs to map."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("execdb-replay", os.MFD_CLOEXEC)
        os.ftruncate(self.descriptor, SIZE)

    def write(self, at: int, raw: bytes) -> None:
        """Raises OSError if there is no memory."""
        view = memoryview(raw)
        while view:
            count = os.pwrite(self.descriptor, view[: 64 << 20], at)
            view, at = view[count:], at + count

    def read(self, at: int, size: int) -> bytes:
        """Raises OSError."""
        return os.pread(self.descriptor, size, at)

    def close(self) -> None:
        """Gives the memory back."""
        os.close(self.descriptor)


def set_start(tape: TapeFile, times: "array[int]") -> int:
    """Makes the moments of the tape those of CLOCK_MONOTONIC, a little ahead of now."""
    margin_ns, shifted_ns = _MARGIN_NS + _PER_TIME_NS * len(times), 0
    while True:
        start_ns = time.monotonic_ns() + margin_ns
        started(times, start_ns - shifted_ns, tape.read, tape.write)
        if time.monotonic_ns() < start_ns - _MARGIN_NS // 2:
            return start_ns
        margin_ns, shifted_ns = 2 * margin_ns, start_ns
