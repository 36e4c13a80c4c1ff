"""Keys that are pressed on a terminal while something waits, and the terminal's mode, which is
restored however the process ends: Ctrl-C, Ctrl-Z, a signal.

Sources: termios(3), credentials(7) on sessions and foreground groups.
"""

import os
import select
import signal
import sys
import termios
import time
from types import FrameType
from typing import Any

from execdb.cli.show.tempo import Key

_KEYS = {b" ": Key.PAUSE, b".": Key.STEP, b"+": Key.FASTER, b"=": Key.FASTER, b"-": Key.SLOWER}
_NAP_S = 0.1  # at most: SIGSTOP cannot be noticed but by the time that has passed
_ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Keys:
    """A context. Without a terminal in the foreground there are no keys, only pauses."""

    def __init__(self) -> None:
        terminal = sys.stdin.isatty() and sys.stdout.isatty()
        self._fd: int | None = sys.stdin.fileno() if terminal else None
        self._mode: list[Any] | None = None  # as it was
        self._continued = False
        self._handlers: dict[int, Any] = {}

    @property
    def there(self) -> bool:
        return self._fd is not None

    def __enter__(self) -> "Keys":
        self._handle(signal.SIGCONT, self._on_continue)
        if self._fd is not None:
            self._handle(signal.SIGTSTP, self._on_stop)
            for number in _ENDING:
                if signal.getsignal(number) is signal.SIG_DFL:
                    self._handle(number, self._on_end)
            self._take_keys()
        return self

    def __exit__(self, *error: object) -> None:
        self._restore()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def wait(self, timeout_s: float) -> Key | None:
        """A key, or what else happened; None after the time, or somewhat before."""
        timeout_s = min(timeout_s, _NAP_S)
        if self._fd is None or not self._in_front():
            time.sleep(timeout_s)
        elif select.select([self._fd], [], [], timeout_s)[0]:
            pressed = os.read(self._fd, 1)
            if not pressed:  # the terminal has gone
                self._fd = None
            return _KEYS.get(pressed)
        if self._continued:
            self._continued = False
            return Key.CONTINUED
        return None

    def _handle(self, number: int, handler: Any) -> None:
        self._handlers[number] = signal.signal(number, handler)

    def _in_front(self) -> bool:
        """In the background reading from the terminal would stop the process."""
        try:
            return self._fd is not None and os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:
            self._fd = None
            return False

    def _take_keys(self) -> None:
        """Each key at once and unseen; those that give signals still do."""
        if self._fd is not None and self._in_front():
            self._mode = termios.tcgetattr(self._fd)
            mode = [*self._mode]
            mode[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self._fd, termios.TCSADRAIN, mode)

    def _restore(self) -> None:
        if self._fd is not None and self._mode is not None and self._in_front():
            termios.tcsetattr(self._fd, termios.TCSADRAIN, self._mode)
        self._mode = None

    def _on_stop(self, number: int, _: FrameType | None) -> None:
        """Ctrl-Z."""
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    def _on_continue(self, *_: object) -> None:
        """After Ctrl-Z, or after SIGSTOP, which left the mode to whoever was in front since."""
        self._continued = True
        if self._fd is not None:
            signal.signal(signal.SIGTSTP, self._on_stop)
            before = self._mode
            self._take_keys()
            self._mode = before or self._mode

    def _on_end(self, number: int, _: FrameType | None) -> None:
        self._restore()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
