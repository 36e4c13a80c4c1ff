"""Descriptors that become readable when files change (inotify(7), inotify_add_watch(2))."""

import ctypes
import os
from collections.abc import Sequence
from pathlib import Path

MODIFY, MOVED_FROM, MOVED_TO = 0x2, 0x40, 0x80
CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_EVENTS_BYTES = 4096  # at once; what is left stays readable


def watch(paths: Sequence[Path], events: int) -> int | None:
    """A descriptor that becomes readable when one of the events (the constants of this module, or
    together) happens to one of the paths. None if the kernel cannot tell: a path may not be read,
    or the user has too many watches."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if fd < 0:
        return None
    for path in paths:
        if libc.inotify_add_watch(fd, os.fsencode(path), ctypes.c_uint32(events)) < 0:
            os.close(fd)
            return None
    return fd


def take(fd: int) -> bool:
    """Whether anything has happened since the last call."""
    try:
        return len(os.read(fd, _EVENTS_BYTES)) > 0
    except BlockingIOError:
        return False
