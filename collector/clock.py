"""The two clocks: wall time is boot time plus an offset that changes only when the clock is set."""

import time

_STEADY_NS = 100_000  # two readings of the offset differ by less than this


class Clock:
    """Reads the machine's clocks."""

    def __init__(self, shift_ns: int = 0) -> None:
        """`shift_ns` is how far CLOCK_BOOTTIME is ahead in this time namespace."""
        self._shift_ns = shift_ns
        self._offset_ns = self._measure()

    def boot_ns(self) -> int:
        """CLOCK_BOOTTIME as the kernel's program reads it; it includes suspends and never jumps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._shift_ns

    def wall_ns(self) -> int:
        """CLOCK_REALTIME, since the epoch."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def offset_ns(self) -> int:
        """CLOCK_REALTIME - CLOCK_BOOTTIME now. Small differences come from reading two clocks one
        after the other and are ignored."""
        measured = self._measure()
        if abs(measured - self._offset_ns) > _STEADY_NS:
            self._offset_ns = measured
        return self._offset_ns

    def _measure(self) -> int:
        """The wall clock, read between two readings of the boot clock; the best of three tries."""
        best, width = 0, 1 << 62
        for _ in range(3):
            before, wall, after = self.boot_ns(), self.wall_ns(), self.boot_ns()
            if after - before < width:
                best, width = wall - (before + after) // 2, after - before
        return best
