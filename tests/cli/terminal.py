"""A command on a terminal of its own."""

import fcntl
import os
import pty
import select
import struct
import termios
import time
from codecs import getincrementaldecoder
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conftest import EXECDB
from tests.processes.process import PATIENCE_S, Process


class Terminal:
    """What a process shows on its terminal, and the keys that are pressed there."""

    def __init__(self, process: Process[bytes], ours: int, theirs: int) -> None:
        self.process, self._fd, self._theirs, self.text = process, ours, theirs, ""
        self._decode = getincrementaldecoder("utf-8")().decode  # a read may end within a character

    def press(self, keys: str) -> None:
        os.write(self._fd, keys.encode())

    @property
    def mode(self) -> list[Any]:
        return termios.tcgetattr(self._theirs)

    def wait_for(self, text: str, count: int = 1) -> str:
        """Reads until the text was shown so often."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.text.count(text) < count:
            assert time.monotonic() < deadline_s, f"no {text!r} in {self.text!r}"
            self.read(0.1)
        return self.text

    def read(self, timeout_s: float) -> None:
        if select.select([self._fd], [], [], timeout_s)[0]:
            self.text += self._decode(os.read(self._fd, 65_536))

    def end(self) -> tuple[str, int]:
        """All that it showed, and its exit code."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.text
            self.read(0.05)
        while select.select([self._fd], [], [], 0)[0]:
            self.read(0)
        return self.text.replace("\r\n", "\n"), self.process.returncode


@contextmanager
def on_terminal(*arguments: object, columns: int = 100, **environment: str) -> Iterator[Terminal]:
    """Runs execdb as the foreground of a session of its own, so that keys give signals."""
    # Both would say how large a terminal is, whatever its own size.
    own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = Process(
        [EXECDB, *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        env={**own, "TERM": "xterm", "PAGER": "", **environment},
    )
    try:
        yield Terminal(process, ours, theirs)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
