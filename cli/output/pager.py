"""Long answers through the user's pager."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

from execdb.cli.output.stdout import ReaderGone
from execdb.store.errors import ExecdbError

# Short answers are only printed, colours are kept, long lines not wrapped, the screen not cleared.
_LESS = "-FRSX"
_NOT_RUN = (126, 127)  # how a shell says so


@contextlib.contextmanager
def pager(*, wanted: bool = True) -> Iterator[None]:
    """Inside, what is written to stdout goes through $PAGER if the user has set it and stdout is a
    terminal. Ends when the user leaves the pager. Raises ExecdbError if it cannot be run."""
    command = os.environ.get("PAGER", "").strip()
    if not (wanted and command and sys.stdout.isatty()):
        yield
        return
    environment = {"LESS": _LESS, **os.environ}
    process = subprocess.Popen(command, shell=True, stdin=subprocess.PIPE, env=environment)
    terminal, handler = sys.stdout, signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert process.stdin is not None
    sys.stdout = io.TextIOWrapper(process.stdin, terminal.encoding, "execdb")
    try:
        with contextlib.suppress(ReaderGone):  # the user has seen enough
            yield
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.close()
        sys.stdout = terminal
        process.wait()
        signal.signal(signal.SIGINT, handler)
    if process.returncode in _NOT_RUN:
        raise ExecdbError(f"PAGER is {command!r}, which cannot be run: unset it, or set another")
