"""Locks on bytes of a file that belong to the open file, not to the process (fcntl(2), "Open file
description locks")."""

import errno
import fcntl
import os
import struct
from typing import NamedTuple

_FLOCK = struct.Struct("hhqqi4x")  # struct flock: type, whence, start, length, pid


class ByteRange(NamedTuple):
    """`length` bytes from byte `first` on."""

    first: int
    length: int


class Lock(NamedTuple):
    """A lock that somebody holds; whether it keeps out readers as well as writers."""

    exclusive: bool
    bytes: ByteRange


def try_lock(fd: int, bytes_: ByteRange, *, exclusive: bool = True) -> bool:
    """Takes a lock; False if somebody else's is in the way. Raises OSError."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(_kind(exclusive), bytes_))
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def unlock(fd: int, bytes_: ByteRange) -> None:
    """Raises OSError."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, bytes_))


def in_the_way(fd: int, bytes_: ByteRange, *, exclusive: bool = True) -> Lock | None:
    """Somebody else's lock because of which this one could not be taken now; None if it could.
    Raises OSError."""
    answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, _flock(_kind(exclusive), bytes_))
    kind, _, first, length, _ = _FLOCK.unpack(answer)
    if kind == fcntl.F_UNLCK:
        return None
    return Lock(kind == fcntl.F_WRLCK, ByteRange(first, length))


def _kind(exclusive: bool) -> int:
    return fcntl.F_WRLCK if exclusive else fcntl.F_RDLCK


def _flock(kind: int, bytes_: ByteRange) -> bytes:
    return _FLOCK.pack(kind, os.SEEK_SET, *bytes_, 0)
