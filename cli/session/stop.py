"""When to stop: at a signal, when the time is over, or when asked to. And when to read the options
again: at SIGHUP."""

import contextlib
import os
import signal
import time

_TIMER_MAX_S = 1e9  # the kernel refuses much longer ones


class Stop:
    """Becomes true at a signal, after `for_s` seconds since it was first looked at, or by `ask`.

    SIGHUP asks for the options to be read again, unless it says that the terminal is gone: then
    it is a reason to stop. SIGUSR1 says that another collector may wait to take over."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

    def __init__(self, for_s: float | None) -> None:
        self._for_s = for_s
        self._deadline_s: float | None = None
        self._asked = False
        self._terminal = _has_terminal()
        self._reload = self._recording = self._successor = False
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> "Stop":
        for number in self._SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *error: object) -> None:
        if self._deadline_s is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
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
        """Has something to read as soon as `ask` was called or a signal came, until `reload` was
        called."""
        return self._read

    def ask(self) -> None:
        self._asked = True
        self._wake()

    def _on_signal(self, number: int, _: object) -> None:
        if number == signal.SIGHUP and _has_terminal() == self._terminal:
            self._reload = True
            if self._recording:  # before, waking would end the start
                self._wake()
        elif number == signal.SIGUSR1:
            self._successor = True
            if self._recording:
                self._wake()
        else:
            self.ask()

    def successor(self) -> bool:
        """Whether since the last call something said that another collector waits."""
        found, self._successor = self._successor, False
        return found

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._write, b"\0")

    def reload(self) -> bool:
        """Whether the options should be read again since the last call. The first call says that
        recording has begun."""
        self._recording = True
        asked, self._reload = self._reload, False
        if asked and not self._asked:
            with contextlib.suppress(OSError):
                os.read(self._read, 64)
        return asked

    def asked(self) -> bool:
        if self._for_s is not None and self._deadline_s is None:
            self._deadline_s = time.monotonic() + self._for_s
            signal.signal(signal.SIGALRM, lambda *_: self.ask())  # also ends a wait
            signal.setitimer(signal.ITIMER_REAL, min(self._for_s, _TIMER_MAX_S))
        late = self._deadline_s is not None and time.monotonic() >= self._deadline_s
        return self._asked or late


def _has_terminal() -> bool:
    """Whether a terminal controls this process: tty(4)."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC | os.O_NONBLOCK))
    except OSError:
        return False
    return True


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
