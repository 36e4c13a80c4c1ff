"""Signals that end a command, as Ctrl-C does: what was begun is taken back first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ends_as_interrupt() -> Iterator[None]:
    """Inside, SIGTERM and SIGHUP raise KeyboardInterrupt. Ignored ones (nohup) stay ignored."""
    before = {
        number: handler
        for number in (signal.SIGTERM, signal.SIGHUP)
        if (handler := signal.getsignal(number)) is signal.SIG_DFL
    }
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
