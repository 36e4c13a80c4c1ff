"""When to stop: at a signal, when the time is over, or when asked to. And when to read the options
again: at SIGHUP."""

import os
import select
import signal
import time

from execdb.cli.wake_up import WakeUp

_TIMER_MAX_S = 1e9  # the kernel refuses much longer ones


class Stop:
    """Becomes true at a signal, after `for_s` seconds since it was first looked at, or by `ask`.

    With `hasty`, a second signal to stop ends the process at once, as it may wait for somebody.
    SIGHUP asks for the options to be read again, unless it says that the terminal is gone: then
    it is a reason to stop. SIGUSR1 says that another collector may wait to take over."""

    _SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)

    def __init__(self, for_s: float | None, *, hasty: bool = False) -> None:
        self._for_s, self._hasty = for_s, hasty
        self._deadline_s: float | None = None
        self._asked = False
        self._terminal = _has_terminal()
        self._reload = self._successor = False
        self._wake_up = WakeUp()

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
        self._wake_up.close()

    @staticmethod
    def how() -> str:
        """How a person can stop it. A process that a script started with `&` ignores SIGINT."""
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            return "Ctrl-C to stop"
        return f"kill {os.getpid()} to stop"

    @property
    def descriptor(self) -> int:
        """Has something to read from `ask` on. Once `hear` was called, also after any signal, until
        it is called again."""
        return self._wake_up.descriptor

    def hear(self) -> None:
        """To be called before `successor`, `reload` and `asked`, once there is something that they
        can end: from then on each signal ends a wait for the descriptor."""
        self._wake_up.listen()
        if not self._asked:
            self._wake_up.clear()
            if self._asked:  # meanwhile
                self._wake_up.wake()

    def ask(self) -> None:
        self._asked = True
        self._wake_up.wake()

    def wait(self, for_s: float) -> None:
        """Until a signal comes, or for so many seconds."""
        self.hear()
        if not self.asked():
            select.select([self.descriptor], [], [], for_s)

    def _on_signal(self, number: int, _: object) -> None:
        if number == signal.SIGHUP and _has_terminal() == self._terminal:
            self._reload = True
        elif number == signal.SIGUSR1:
            self._successor = True
        elif self._asked and self._hasty:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        else:
            self.ask()

    def successor(self) -> bool:
        """Whether since the last call something said that another collector waits."""
        found, self._successor = self._successor, False
        return found

    def reload(self) -> bool:
        """Whether since the last call the options should be read again."""
        asked, self._reload = self._reload, False
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
        self._wake_up = WakeUp()
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, self._ask)
        self._wake_up.listen()

    @property
    def descriptor(self) -> int:
        """Has something to read from then on."""
        return self._wake_up.descriptor

    def close(self) -> None:
        self._wake_up.close()

    def _ask(self, *_: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.asked = True
