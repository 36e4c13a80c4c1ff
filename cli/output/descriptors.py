"""The descriptors 0, 1 and 2 as they were inherited: they may be non-blocking, without a reader, or
on a full disk."""

import contextlib
import io
import os
import re
import sys
from pathlib import Path
from typing import Any

from execdb.cli.output.stdout import ReaderGone

_BUFFER_BYTES = 65_536  # of stdout; what a pipe holds


class Waiting(io.FileIO):
    """A descriptor that waits even if it is non-blocking. O_NONBLOCK belongs to the open file,
    which other processes share, and Python's streams lose what it does not take at once."""

    def readinto(self, buffer: Any, /) -> int:
        while (count := super().readinto(buffer)) is None:
            wait_for(self.fileno(), writing=False)
        return count

    def write(self, data: Any, /) -> int:
        while (count := super().write(data)) is None:
            wait_for(self.fileno(), writing=True)
        return count


class _Answer(Waiting):
    """stdout. Raises ReaderGone instead of BrokenPipeError, which libraries would handle."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise ReaderGone from None


class _Notes(Waiting):
    """stderr. Drops what cannot be written: the answer goes to stdout."""

    def write(self, data: Any, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def wait_for(fd: int, *, writing: bool, timeout_s: float | None = None) -> None:
    """Waits until the descriptor can be written or read, or its other end is closed."""
    import select

    poll = select.poll()
    poll.register(fd, select.POLLOUT if writing else select.POLLIN)
    poll.poll(None if timeout_s is None else timeout_s * 1000)


def replace_streams() -> None:
    """Makes sys.stdin, sys.stdout and sys.stderr wait where they would fail. stdout is buffered if
    it is a file or a pipe, even with PYTHONUNBUFFERED, which services and containers often set and
    which would cost a system call for each line."""
    if sys.stdin is not None:
        raw = Waiting(0, closefd=False)
        sys.stdin = io.TextIOWrapper(io.BufferedReader(raw), sys.stdin.encoding, sys.stdin.errors)
    if sys.stdout is not None:
        sys.stdout = _writer(_Answer(1, "w", closefd=False), sys.stdout)
    if sys.stderr is not None:
        sys.stderr = _writer(_Notes(2, "w", closefd=False), sys.stderr, lines=True)


def _writer(raw: io.FileIO, old: Any, *, lines: bool = False) -> io.TextIOWrapper:
    terminal = lines or raw.isatty()
    buffered = io.BufferedWriter(raw, _BUFFER_BYTES)
    return io.TextIOWrapper(buffered, old.encoding, old.errors, line_buffering=terminal)


def close_inherited(but: Path | None) -> None:
    """Closes all inherited descriptors except stdout and stderr, because a process that runs for
    months would hold them. Keeps the one that `but` names, as a shell's <(...) does. To be called
    before anything is opened."""
    kept = {0, 1, 2, *_named(but)}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in kept:
            with contextlib.suppress(OSError):  # the descriptor of this listing, closed by now
                os.close(fd)
    nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(nothing, 0)
    os.close(nothing)


def _named(path: Path | None) -> list[int]:
    found = re.fullmatch(r"/(?:dev|proc/self)/fd/(\d{1,9})", str(path))
    return [int(found[1])] if found else []
