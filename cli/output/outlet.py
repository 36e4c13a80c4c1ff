"""Writes text to a terminal, a pipe or a log in a separate thread, so that a recorder never waits
for one that is slow, stopped (Ctrl-S, a hung ssh) or full."""

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

from execdb.cli.output.counted import counted
from execdb.cli.output.descriptors import wait_for

_CHUNK = 65_536  # characters that are written at once
_RETRY_S = 1.0  # how soon a full disk is tried again
_LAST_WORDS_S = 1.0
_ATOMIC = select.PIPE_BUF // 4  # characters, of up to 4 bytes: a pipe takes all of them or none
_GONE = (errno.EPIPE, errno.EIO, errno.ECONNRESET)
_STDERR_MAX = 65_536  # characters in the queue


class _Job(NamedTuple):
    texts: Iterable[str]
    chars: int


class Outlet:
    """A descriptor and a queue of about `most` characters for it. Texts that do not fit are counted
    and dropped.

    The thread calls `missed` with the number of dropped texts once writing works again, and writes
    what it returns; `full` when an error may pass, such as a full disk; `gone` when nobody reads
    any more."""

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
        self._lock = threading.Lock()  # held for a moment: once there is a thread, for no write
        self._waiting = self._left_out = 0
        self._given = self._written = 0
        self._dead = False
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="outlet", daemon=True)

    def start(self) -> None:
        """Starts the thread. It keeps the privileges that the process has at this moment."""
        if self._thread.ident is None:
            with suppress(RuntimeError):  # no thread can be started now: texts stay in the queue
                self._thread.start()

    def put(self, texts: Iterable[str], count: int, chars: int) -> None:
        """Queues `count` texts of about `chars` characters in all; returns at once. While there is
        no thread yet, what is short is written if that does not block."""
        with self._lock:
            self._given += count
            if self._thread.ident is None and self._queue.empty() and chars <= _ATOMIC:
                texts = list(texts)
                if self._write_at_once("".join(texts)):
                    self._written += count
                    return
            if self._dead or (self._waiting and self._waiting + chars > self._most):
                self._left_out += count
                return
            self._waiting += chars
            self._queue.put(_Job(texts, chars))

    def _write_at_once(self, text: str) -> bool:
        """False if nothing was written: it would block, or is an error that may pass."""
        data = text.encode(self._encoding, "backslashreplace")
        try:
            return bool(select.select([], [self._fd], [], 0)[1] and os.write(self._fd, data))
        except OSError:
            return False

    def close(self, within_s: float = _LAST_WORDS_S) -> int:
        """Writes what is queued, within this time; returns how many texts were not written."""
        self.start()
        self._closing.set()
        self._queue.put(None)
        if self._thread.ident is not None:
            self._thread.join(within_s)
        else:
            self._work_without_thread(within_s)
        return self._given - self._written

    def _work_without_thread(self, within_s: float) -> None:
        """If no thread can be started: writes what is too short to block, if someone reads."""
        self._dead = not select.select([], [self._fd], [], within_s)[1]
        while not self._dead and (job := self._queue.get()) is not None:
            if job.chars <= _ATOMIC:
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
            except BlockingIOError:  # O_NONBLOCK is shared by all users of the open file
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
    """Replaces sys.stderr, so that nothing in the process waits for it."""

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
        """Writes what is queued, if that is quick; then restores sys.stderr."""
        self._outlet.close()
        sys.stderr = self._old


def take_over_stderr() -> Outlet:
    """Sends everything written to sys.stderr through an outlet, which the caller starts."""
    old = sys.stderr
    outlet = Outlet(
        old.fileno(),
        _STDERR_MAX,
        lambda count: f"execdb: {counted(count, 'line')} could not be shown here\n",
        encoding=old.encoding,
    )
    sys.stderr = _Stderr(outlet, old)
    # With `stty tostop`, writing from the background would otherwise stop the whole process.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    return outlet
