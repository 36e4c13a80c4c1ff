"""Keeps the resource limits of this process (getrlimit(2)), which another process of the same user
may lower at any time (prlimit(2))."""

import contextlib
import math
import resource
import signal
from collections.abc import Callable

_NAMES = {
    resource.RLIMIT_AS: "address space (RLIMIT_AS)",
    resource.RLIMIT_CPU: "CPU time (RLIMIT_CPU)",
    resource.RLIMIT_DATA: "data (RLIMIT_DATA)",
    resource.RLIMIT_FSIZE: "file size (RLIMIT_FSIZE)",
    resource.RLIMIT_NOFILE: "open files (RLIMIT_NOFILE)",
    resource.RLIMIT_NPROC: "threads (RLIMIT_NPROC)",
}
_EVERY_S = 1.0


class ProcessLimits:
    """Restores the limits that there were at the start, as far as the hard limits allow."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        # By default these signals of exceeded limits end the process. Without them a write fails.
        for number in (signal.SIGXCPU, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_IGN)
        self._warn = warn
        self._known = {number: resource.getrlimit(number) for number in _NAMES}
        self._looked_s = -math.inf

    def look(self, now_s: float) -> None:
        """To be called often: once a second it looks whether a limit was lowered."""
        if now_s - self._looked_s < _EVERY_S:
            return
        self._looked_s = now_s
        for number, known in self._known.items():
            now = resource.getrlimit(number)
            if now != known:
                self._known[number] = self._restored(number, known, now)

    def _restored(
        self, number: int, known: tuple[int, int], now: tuple[int, int]
    ) -> tuple[int, int]:
        (wanted, _), (soft, hard) = known, now
        if _value(soft) >= _value(wanted):
            return now
        best = min(wanted, hard, key=_value)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(number, (best, hard))
        left = resource.getrlimit(number)
        what = f"something else lowered this collector's limit of {_NAMES[number]} to {soft}"
        if _value(left[0]) >= _value(wanted):
            self._warn(f"{what}; restored")
        else:
            self._warn(f"{what}, and it cannot be raised again: start again")
        return left


def _value(limit: int) -> float:
    return math.inf if limit == resource.RLIM_INFINITY else limit
