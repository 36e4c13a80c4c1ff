"""When to stop: at a signal, when the time is over, or when asked to."""

import contextlib
import os
import signal
import time


class Stop:
    """Becomes true at a signal, after `for_s` seconds since it was first looked at, or by `ask`."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, for_s: float | None) -> None:
        self._for_s = for_s
        self._deadline_s: float | None = None
        self._asked = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> "Stop":
        for number in self._SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, lambda *_: self.ask())
        return self

    def __exit__(self, *error: object) -> None:
        for number in self._SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.close(self._read)
        os.close(self._write)

    @staticmethod
    def how() -> str:
        """How a person can stop it. A process that a script started with `&` ignores SIGINT."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            return "Ctrl-C to stop"
        return f"kill {os.getpid()} to stop"

    @property
    def descriptor(self) -> int:
        """Has something to read as soon as `ask` was called or a signal came."""
        return self._read

    def ask(self) -> None:
        self._asked = True
        with contextlib.suppress(OSError):
            os.write(self._write, b"\0")

    def asked(self) -> bool:
        if self._for_s is not None and self._deadline_s is None:
            self._deadline_s = time.monotonic() + self._for_s
        late = self._deadline_s is not None and time.monotonic() >= self._deadline_s
        return self._asked or late


class Interrupt:
    """Becomes true at the first Ctrl-C, which so cuts nothing in the middle. The second one raises
    KeyboardInterrupt, in case that a write waits for its reader."""

    def __init__(self) -> None:
        self.asked = False
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)  # readable from then on
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._ask)

    def _ask(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.asked = True
        os.eventfd_write(self.descriptor, 1)
