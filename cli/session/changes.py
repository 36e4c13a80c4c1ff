"""Waiting until someone has written to a database.

Sources: inotify(7), inotify_add_watch(2).
"""

import ctypes
import os
import select
from pathlib import Path

_IN_MODIFY, _IN_MOVED_FROM, _IN_MOVED_TO = 0x2, 0x40, 0x80
_IN_CREATE, _IN_DELETE, _IN_DELETE_SELF, _IN_MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_MASK = (
    _IN_MODIFY | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_DELETE_SELF
    | _IN_MOVE_SELF
)  # fmt: skip
_POLL_S = 0.025  # how often to look if the kernel does not tell
_EVENTS_BYTES = 65_536


class Changes:
    """Wakes when a file in the folder of a database changes: each commit is written to the WAL
    beside it. Where the kernel cannot tell (the folder may not be read, or the user has too many
    watches), it wakes all the time."""

    def __init__(self, database: Path, reader: int, interrupt: int) -> None:
        """`reader` is a descriptor that may lose its reader, such as stdout; waits also end when
        `interrupt` can be read."""
        self._fd = _watch(database.parent)
        self._poll = select.poll()
        self._reader = reader
        self._poll.register(reader, 0)  # errors and hang-ups are always reported
        self._poll.register(interrupt, select.POLLIN)
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLIN)
        self.has_reader = True

    def wait(self, timeout_s: float) -> bool:
        """Waits for a change, at most so long. Returns whether there may be one."""
        if self._fd is None:
            timeout_s = min(timeout_s, _POLL_S)
        found = dict(self._poll.poll(timeout_s * 1000))
        if self._reader in found:
            self.has_reader = False
        if self._fd in found:
            os.read(self._fd, _EVENTS_BYTES)
        return bool(found) or self._fd is None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


def _watch(folder: Path) -> int | None:
    """A descriptor that becomes readable when something in the folder changes."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if fd < 0:
        return None
    if libc.inotify_add_watch(fd, os.fsencode(folder), ctypes.c_uint32(_MASK)) < 0:
        os.close(fd)
        return None
    return fd
