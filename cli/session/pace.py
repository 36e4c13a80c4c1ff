"""How fast lines may come on a terminal, so that a person can read them. Pure."""

LINES_PER_S = 20.0  # more than one reads, about what one can scan
BURST = 50  # a screen: shown at once after a quiet time


class Pace:
    """Lets `BURST` lines through at once and `LINES_PER_S` in the long run (a token bucket), and
    counts those that it leaves out."""

    def __init__(self) -> None:
        self._tokens = float(BURST)
        self._at_s: float | None = None
        self._left_out = 0

    def take(self, now_s: float, wanted: int) -> int:
        """How many of so many lines may be shown now; the others are left out."""
        if self._at_s is not None:
            self._tokens = min(BURST, self._tokens + max(0.0, now_s - self._at_s) * LINES_PER_S)
        self._at_s = now_s
        shown = min(wanted, int(self._tokens))
        self._tokens -= shown
        self._left_out += wanted - shown
        return shown

    def left_out(self) -> int:
        """How many were left out since this was last asked."""
        count, self._left_out = self._left_out, 0
        return count
