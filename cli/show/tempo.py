"""Where a replay is: it may be paused, stepped through, and made faster or slower. Pure: the time
is a parameter."""

from enum import Enum

_FACTOR = 2.0
_LEAST, _MOST = 2.0**-10, 2.0**10  # of the speed that was asked for


class Key(Enum):
    """What can happen while a replay waits."""

    PAUSE = "pause, or continue"
    STEP = "show the next event now, and pause"
    FASTER = "faster"
    SLOWER = "slower"
    CONTINUED = "the process had been stopped (SIGCONT)"


class Tempo:
    """The position in a schedule, in its own seconds. It stood at 0 at `now_s`."""

    def __init__(self, now_s: float, speed: float = 1.0) -> None:
        """`speed` is that of the schedule, `rate` how much faster it passes."""
        self._speed = speed
        self.rate, self.paused = 1.0, False
        self.stepping = False  # to the next event, past what is said between events
        self._base_s, self._since_s = 0.0, now_s
        self._seen_s = now_s  # when `wait_s` was last asked

    @property
    def speed(self) -> float:
        """How fast the history passes, against its own time."""
        return self._speed * self.rate

    def wait_s(self, at_s: float, now_s: float) -> float | None:
        """How long until a position is reached, below 0 if it was passed; None while paused."""
        self._seen_s = now_s
        if self.stepping:
            self._base_s = at_s
            return 0.0
        return None if self.paused else (at_s - self._position(now_s)) / self.rate

    def press(self, key: Key, now_s: float) -> None:
        if key is Key.CONTINUED:
            self._since_s += now_s - self._seen_s  # nothing has passed meanwhile
            return
        self._base_s, self._since_s = self._position(now_s), now_s
        if key is Key.PAUSE:
            self.paused = not self.paused
        elif key is Key.STEP:
            self.paused = self.stepping = True
        else:
            factor = _FACTOR if key is Key.FASTER else 1 / _FACTOR
            self.rate = min(_MOST, max(_LEAST, self.rate * factor))

    def _position(self, now_s: float) -> float:
        return self._base_s if self.paused else self._base_s + (now_s - self._since_s) * self.rate
