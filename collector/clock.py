"""The two clocks. Wall time is boot time plus an offset that moves only when the clock is set."""

import time

_STEADY_NS = 100_000  # two readings of the offset differ by less than this


class Clock:
    """Reads the machine's clocks; tests pass one of their own with the same methods."""

    def __init__(self, shift_ns: int = 0) -> None:
        """`shift_ns` is how far this time namespace sets CLOCK_BOOTTIME ahead."""
        self._shift_ns = shift_ns
        self._offset_ns = self._measure()

    def boot_ns(self) -> int:
        """CLOCK_BOOTTIME as the kernel's program reads it; it counts sleep too and never jumps."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._shift_ns

    def wall_ns(self) -> int:
        """CLOCK_REALTIME, since the epoch."""
        return time.clock_gettime_ns(time.CLOCK_REALTIME)

    def offset_ns(self) -> int:
        """CLOCK_REALTIME - CLOCK_BOOTTIME now. Small differences are the jitter of reading
        two clocks one after the other and change nothing."""
        measured = self._measure()
        if abs(measured - self._offset_ns) > _STEADY_NS:
            self._offset_ns = measured
        return self._offset_ns

    def _measure(self) -> int:
        """The tightest of three readings between two of the boot clock."""
        best, width = 0, 1 << 62
        for _ in range(3):
            before, wall, after = self.boot_ns(), self.wall_ns(), self.boot_ns()
            if after - before < width:
                best, width = wall - (before + after) // 2, after - before
        return best
