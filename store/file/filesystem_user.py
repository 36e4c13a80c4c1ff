"""Root acts with the rights of the user who controls a path, so that this user gains nothing by
making the path lead elsewhere."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.path import NOBODY, ResolvedPath

_READ_ALL = 1 << 2  # CAP_DAC_READ_SEARCH
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h
_thread = threading.local()


@contextlib.contextmanager
def acting_for(path: ResolvedPath) -> Iterator[None]:
    """Inside, this thread accesses files with the rights of the path's controller, except that it
    may read all. Raises DatabaseError."""
    uid = None if getattr(_thread, "acts", False) or os.geteuid() != 0 else path.controller
    if uid is None:
        yield
        return
    _thread.acts, gid = True, os.getegid()
    try:
        _act_as(uid, path.real)
        yield
    finally:
        _set(0, gid)
        _thread.acts = False


def for_whom(path: ResolvedPath) -> str:
    """What to add to a sentence about a missing right."""
    if path.controller is None:
        return ""
    return (
        f" for uid {path.controller}, who may change what the path leads to: execdb acts for them"
    )


def _act_as(uid: int, path: Path) -> None:
    import pwd

    try:
        gid = pwd.getpwuid(uid).pw_gid
    except KeyError:  # a user without a name
        gid = NOBODY
    with contextlib.suppress(PermissionError):
        os.setgroups(())  # of the whole process: root needs no group's rights
    _set(uid, gid)
    if _set(uid, gid) != uid:
        raise DatabaseError(
            f"{path} is where uid {uid} may change what it leads to, and this process may not act "
            "for that user: run execdb as that user"
        )
    _keep_reading()


def _set(uid: int, gid: int) -> int:
    """Sets the user and group of this thread's file accesses (setfsuid(2), which also drops root's
    capabilities on files, or restores them). Returns the user before."""
    import ctypes

    libc = ctypes.CDLL(None)
    libc.setfsgid(ctypes.c_uint(gid))
    return int(libc.setfsuid(ctypes.c_uint(uid)))


def _keep_reading() -> None:
    """Lets this thread read everything (capset(2)): folders above, or Python's own, may be for root
    only."""
    import ctypes
    import struct

    libc = ctypes.CDLL(None)
    head = ctypes.create_string_buffer(struct.pack("Ii", _CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    if libc.capget(head, data) == 0:
        effective, permitted, *more = struct.unpack("6I", data.raw)
        effective |= permitted & _READ_ALL
        data = ctypes.create_string_buffer(struct.pack("6I", effective, permitted, *more), 24)
        libc.capset(head, data)
