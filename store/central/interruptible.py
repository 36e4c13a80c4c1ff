"""A connection that Ctrl-C ends soon, also if the server has stopped answering: the driver would
wait ten seconds for it, or for ever. Imports the driver."""

import logging
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import dup
from typing import Any

import psycopg

_CANCEL_S = 1.0
_SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
logging.getLogger("psycopg").addHandler(logging.NullHandler())  # its remarks are not for stderr


class Interruptible(psycopg.Connection):
    """Where a signal would raise KeyboardInterrupt, it does so after the server was asked to
    cancel, which has a second. The connection is lost then."""

    def wait(self, gen: Any, *args: Any, **options: Any) -> Any:
        """What each question to the server waits in."""
        interrupted = threading.Event()
        try:
            with _handled(lambda *_: self._end(interrupted)):
                found = super().wait(gen, *args, **options)
        except psycopg.Error:
            if not interrupted.is_set():
                raise
        if interrupted.is_set():
            self.close()
            raise KeyboardInterrupt
        return found

    def rollback(self) -> None:
        """On a connection that is lost there is nothing to roll back: an error that says so would
        replace the one that tells why."""
        if not self.closed:
            super().rollback()

    def _end(self, interrupted: threading.Event) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()
        cancelling = threading.Thread(target=self._ask_to_cancel, daemon=True)
        cancelling.start()
        cancelling.join(_CANCEL_S)
        with suppress(OSError, ValueError), socket.socket(fileno=dup(self.fileno())) as copy:
            copy.shutdown(socket.SHUT_RDWR)  # wakes the driver

    def _ask_to_cancel(self) -> None:
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=_CANCEL_S)


@contextmanager
def _handled(handler: Any) -> Iterator[None]:
    """Inside, signals that would raise KeyboardInterrupt call the handler, if this is the thread
    that gets them."""
    taken = []
    if threading.current_thread() is threading.main_thread():
        raising = signal.default_int_handler
        taken = [number for number in _SIGNALS if signal.getsignal(number) is raising]
    for number in taken:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.default_int_handler)
