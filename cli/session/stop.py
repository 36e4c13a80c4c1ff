"""When to stop: a signal, the time being up, or someone who asks."""

import contextlib
import os
import signal
import time


class Stop:
    """Asked to stop by a signal, by `ask`, or by the time being up."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, for_s: float | None) -> None:
        self._for_s = for_s
        self._deadline_s: float | None = None
        self._asked = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> "Stop":
        for number in self._SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # nohup means what it says
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
        """What a person does to stop it. What a script starts with `&` ignores SIGINT."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            return "Ctrl-C to stop"
        return f"kill {os.getpid()} to stop"

    @property
    def descriptor(self) -> int:
        """Has something to read as soon as someone asks."""
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
