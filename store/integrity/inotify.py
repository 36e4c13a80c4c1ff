"""Descriptors that become readable when files change (inotify(7), inotify_add_watch(2))."""

import ctypes
import os
import struct
from collections.abc import Mapping
from pathlib import Path

MODIFY, ATTRIB, MOVED_FROM, MOVED_TO = 0x2, 0x4, 0x40, 0x80
CREATE, DELETE, DELETE_SELF, MOVE_SELF = 0x100, 0x200, 0x400, 0x800
_EVENT = struct.Struct("=4xI4xI")  # mask, length of the name that follows
_EVENTS_BYTES = 4096  # at once; what is left stays readable


def watch(events: Mapping[Path, int]) -> int | None:
    """A descriptor that becomes readable when one of the events (the constants of this module, or
    together) happens to the path that it is given for. None if the kernel cannot tell: a path may
    not be read, or the user has too many watches."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd = int(libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
    if fd < 0:
        return None
    for path, wanted in events.items():
        if libc.inotify_add_watch(fd, os.fsencode(path), ctypes.c_uint32(wanted)) < 0:
            os.close(fd)
            return None
    return fd


def take(fd: int) -> int:
    """What has happened since the last call, all events together; 0 if nothing has."""
    try:
        raw = os.read(fd, _EVENTS_BYTES)
    except BlockingIOError:
        return 0
    found = at = 0
    while at < len(raw):
        event, name_bytes = _EVENT.unpack_from(raw, at)
        found |= event
        at += _EVENT.size + name_bytes
    return found
