"""Text for a terminal, a pipe or a log, written by a thread of its own: a recorder never waits for
any of them, however slow, stopped (Ctrl-S, a hung ssh) or full it is."""

import errno
import io
import os
import queue
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import NamedTuple, TextIO

from execdb.cli.output.descriptors import wait_for

_CHUNK = 65_536  # characters that are written at once
_RETRY_S = 1.0  # how soon a full disk is tried again
_LAST_WORDS_S = 1.0
_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)
_STDERR_MAX = 65_536  # characters that wait


class _Job(NamedTuple):
    texts: Iterable[str]
    chars: int


class Outlet:
    """A descriptor, and what waits to be written to it: at most about `most` characters. What finds
    no room there is counted, not kept.

    Called from the thread: `missed` with how many texts were left out, once writing works again
    (what it returns is written in their place); `full` when there is an error that may pass, as of
    a full disk; `gone` when nobody reads any more."""

    def __init__(
        self,
        fd: int,
        most: int,
        missed: Callable[[int], str],
        full: Callable[[str], None] = lambda why: None,
        gone: Callable[[], None] = lambda: None,
        encoding: str = "utf-8",
    ) -> None:
        self._fd, self._most, self._encoding = fd, most, encoding
        self._missed, self._full, self._gone = missed, full, gone
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()  # held for a moment, never while something is written
        self._waiting = self._left_out = 0
        self._given = self._written = 0
        self._dead = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="outlet", daemon=True)

    def start(self) -> None:
        """From here on it is written. A thread keeps the privileges that it began with."""
        if self._thread.ident is None:
            with suppress(RuntimeError):  # there may be no thread now: texts wait
                self._thread.start()

    def put(self, texts: Iterable[str], count: int, chars: int) -> None:
        """Hands over so many texts with about so many characters; returns at once."""
        with self._lock:
            self._given += count
            if self._dead or (self._waiting and self._waiting + chars > self._most):
                self._left_out += count
                return
            self._waiting += chars
            self._queue.put(_Job(texts, chars))

    def close(self, within_s: float = _LAST_WORDS_S) -> int:
        """Writes what waits, if that goes quickly; returns how many texts were not written."""
        self.start()
        self._closing.set()
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(within_s)
        else:
            self._work_without_thread(within_s)
        return self._given - self._written

    def _work_without_thread(self, within_s: float) -> None:
        """Where none can be started: what is short enough not to wait for, if it is taken soon."""
        self._dead = not select.select([], [self._fd], [], within_s)[1]
        while not self._dead and (job := self._queue.get()) is not None:
            if job.chars <= select.PIPE_BUF // 4:  # of a character that takes the most bytes
                self._write(job.texts)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None and not self._dead:
            self._write(job.texts)
            with self._lock:
                self._waiting -= job.chars
                left_out, self._left_out = self._left_out, 0
            if left_out and not self._dead:
                self._send(self._missed(left_out))

    def _write(self, texts: Iterable[str]) -> None:
        part: list[str] = []
        chars = 0
        for text in texts:
            part.append(text)
            chars += len(text)
            if chars >= _CHUNK:
                self._send_all(part)
                chars = 0
        self._send_all(part)

    def _send_all(self, part: list[str]) -> None:
        if not self._dead:
            self._send("".join(part))
            self._written += len(part) * (not self._dead)
        part.clear()

    def _send(self, text: str) -> None:
        data, troubled = memoryview(text.encode(self._encoding, "backslashreplace")), False
        while data and not self._dead:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:  # O_NONBLOCK belongs to all who share the open file
                wait_for(self._fd, writing=True)
            except OSError as error:
                if error.errno in _GONE:
                    self._dead = True
                    self._gone()
                elif self._closing.is_set():
                    self._dead = True
                elif not troubled:
                    self._full(os.strerror(error.errno or 0))
                troubled = True
                self._closing.wait(_RETRY_S)


class _Stderr(io.TextIOBase):
    """What stands for sys.stderr, so that nothing in the process waits for it."""

    encoding = "utf-8"

    def __init__(self, outlet: Outlet, old: TextIO) -> None:
        self._outlet, self._old, self._begun = outlet, old, ""

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if newline:
            self._outlet.put([whole + newline], 1, len(whole))
        return len(text)

    def last_words(self) -> None:
        """Says what waits to be said, if that goes quickly; sys.stderr is then what it was."""
        self._outlet.close()
        sys.stderr = self._old


def take_over_stderr() -> Outlet:
    """Has all that the process says from here on go through an outlet, to be started."""
    old = sys.stderr
    outlet = Outlet(
        old.fileno(),
        _STDERR_MAX,
        lambda count: f"execdb: {count} lines could not be shown here\n",
        encoding=old.encoding,
    )
    sys.stderr = _Stderr(outlet, old)
    # In the background on a terminal with `stty tostop`, to write would stop the whole process.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    return outlet
