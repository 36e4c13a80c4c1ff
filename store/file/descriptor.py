"""Descriptors of a database file, besides SQLite's own.

A process that closes any descriptor of a file loses all its POSIX locks on that file (fcntl(2)),
those of SQLite included. So the descriptors of a file are closed together, when none is in use.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.locks.byte_range import ByteRange, try_lock, unlock
from execdb.store.file.sqlite_errors import from_os_error

_SHARED = ByteRange(0x40000002, 510)  # os.h of SQLite
_Inode = tuple[int, int]  # device and number
_in_use: dict[_Inode, int] = {}  # the number of descriptors of a file
_idle: dict[_Inode, list[tuple[int, int]]] = {}  # descriptors to use again or close; their flags
_guard = threading.Lock()


class Descriptor:
    """Of a plain file with a single name, from construction to `close`. Opening it never waits for
    the other end of a pipe and never follows a link. Raises DatabaseError."""

    def __init__(self, real: Path, *, writable: bool = False) -> None:
        self._flags = os.O_RDWR if writable else os.O_RDONLY
        try:
            before = real.lstat()
            _check_kind(real, before)  # opening a device can have effects
            self.fd, status = _open(real, self._flags, _inode(before))
        except OSError as error:
            verb = "write to" if writable else "read"
            raise from_os_error(real, verb, error) from error
        self.inode, self.owner = _inode(status), status.st_uid
        self.others_write = bool(status.st_mode & 0o022)
        self.closed = False
        if self.inode != _inode(before):
            self.close()
            raise DatabaseError(f"{real} was replaced while it was opened: try again")

    def read(self, size: int, offset: int = 0) -> bytes:
        return os.pread(self.fd, size, offset)

    @contextlib.contextmanager
    def shared(self) -> Iterator[None]:
        """Inside, the lock is held that each connection of SQLite holds: none is then the last one,
        which would remove the WAL when it is closed."""
        with contextlib.suppress(OSError):  # a connection has the file for itself
            try_lock(self.fd, _SHARED, exclusive=False)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                unlock(self.fd, _SHARED)

    def others_read(self) -> bool:
        return bool(os.fstat(self.fd).st_mode & 0o044)

    def is_at(self, path: Path) -> bool:
        """Whether this is still a name of the same file."""
        try:
            return _inode(path.lstat()) == self.inode
        except OSError:
            return False

    def close(self) -> None:
        with _guard:
            if self.closed:
                return
            self.closed = True
            _idle.setdefault(self.inode, []).append((self.fd, self._flags))
            _in_use[self.inode] -= 1
            if not _in_use[self.inode]:
                del _in_use[self.inode]
                for fd, _ in _idle.pop(self.inode):
                    os.close(fd)


def _open(real: Path, flags: int, inode: _Inode) -> tuple[int, os.stat_result]:
    """An idle descriptor of that file, or a new one of the file that has the name now."""
    with _guard:
        idle = _idle.get(inode, [])
        alike = next((each for each in idle if each[1] == flags), None)
        if alike is not None:
            idle.remove(alike)
            fd = alike[0]
        else:
            fd = os.open(real, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
        status = os.fstat(fd)
        _in_use[_inode(status)] = _in_use.get(_inode(status), 0) + 1
    return fd, status


def _inode(status: os.stat_result) -> _Inode:
    return status.st_dev, status.st_ino


def _check_kind(path: Path, status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise DatabaseError(f"{path} is a folder, not a database file")
    if not stat.S_ISREG(status.st_mode):
        raise DatabaseError(f"{path} is not a plain file")
    if status.st_nlink > 1:
        raise DatabaseError(
            f"{path} has {status.st_nlink} names (hard links), and SQLite would miss or damage "
            "what is written under another: remove the others, or use a copy (cp)"
        )
