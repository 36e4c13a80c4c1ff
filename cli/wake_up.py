"""Waits that end at a signal, however soon it comes."""

import contextlib
import os
import signal
from typing import Self

_MANY_BYTES = 65_536  # what a pipe holds


class WakeUp:
    """A context. Its descriptor has something to read once a signal has come that Python handles,
    or `wake` was called, until `clear`.

    Python calls its handlers between two instructions, so a signal that comes after the last of
    them and before a wait, such as poll(2) or a lock's, does not end the wait: the handler runs
    when something else ends it. A wait for this descriptor ends (signal.set_wakeup_fd). Of the main
    thread, which alone handles signals.
    """

    def __init__(self) -> None:
        self.descriptor, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._before: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def listen(self) -> None:
        """From now on signals are noticed."""
        if self._before is None:
            self._before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)

    def wake(self) -> None:
        """May be called by any thread, and by a signal's handler."""
        with contextlib.suppress(OSError):  # a full pipe wakes as well
            os.write(self._write, b"\0")

    def clear(self) -> None:
        """To be called before one looks for what it may have been, not after."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.descriptor, _MANY_BYTES)

    def close(self) -> None:
        if self._before is not None:
            signal.set_wakeup_fd(self._before)
        write, self._write = self._write, -1
        os.close(write)
        os.close(self.descriptor)
