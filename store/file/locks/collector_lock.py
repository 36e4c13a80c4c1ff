"""At most one collector for each database.

It holds two locks, which both need write access, so that someone who may only read the database can
hold neither. One is on the database file itself, far beyond the bytes that SQLite locks: it works
under any name of the file, and tells readers who records. But a reader can block it with a read
lock. So the other one is on a file beside the database, which only its owner may open. The kernel
releases both when the process ends, in whatever way; the file that stays behind means nothing.
"""

import contextlib
import os
import stat
from pathlib import Path

from execdb.store.errors import DatabaseError, RecordingError
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.locks.byte_range import ByteRange, in_the_way, try_lock, unlock
from execdb.store.file.locks.claim import accept
from execdb.store.file.path import real_path, resolve

_FIRST_BYTE = 1 << 62  # SQLite locks bytes at 1 << 30
_WHOLE = ByteRange(_FIRST_BYTE, 1 << 22)  # pids of Linux: a lock is as long as its holder's pid
_TRIES = 7  # if a lock is released before its holder can be asked for


class CollectorLock:
    """Held from construction to `close`. Raises RecordingError if another process holds it, and
    DatabaseError."""

    def __init__(self, database: Path) -> None:
        real = real_path(database)
        self._named, self._path = database, f"{real}.lock"
        self._beside, resolved = -1, resolve(database)
        with acting_for(resolved):
            self._database = Descriptor(real, writable=True)
        try:
            with acting_for(resolved):
                self._beside = _open_beside(self._path, self._database)
            alone = _take(self._beside, database)
            self._whole = _take(self._database.fd, database)
            if not alone and not self._whole:
                raise RecordingError(
                    f"a process that may only read {database} and {self._path} locks both: end it"
                )
            os.ftruncate(self._beside, 0)
            os.pwrite(self._beside, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            self.close()
            raise DatabaseError(f"cannot lock {database}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def problem(self) -> str | None:
        """A sentence if another collector could start, None if not. The lock on the database file
        is tried again if a reader has blocked it so far."""
        try:
            self._whole = self._whole or _take(self._database.fd, self._named)
        except RecordingError as error:
            return str(error)
        except OSError:
            pass  # as if a reader blocked it
        if self._whole or os.readlink(f"/proc/self/fd/{self._beside}") == self._path:
            return None
        return f"{self._path} was removed while recording: start again"

    def hand_over(self) -> bool:
        """Whether another collector waits to take over: then this one has to end."""
        return accept(self._beside)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            unlock(self._database.fd, _WHOLE)
        self._database.close()
        if self._beside >= 0:
            os.close(self._beside)
            self._beside = -1


class CollectorWatch:
    """Tells which collector records to a database, also after this process has lost the right to
    open the file. Raises DatabaseError."""

    def __init__(self, database: Path) -> None:
        real = real_path(database)
        self._file, self._beside = Descriptor(real), f"{real}.lock"

    def pid(self) -> int | None:
        """None if there is no collector."""
        pid = _holder(self._file.fd)
        return _holder_beside(self._beside) if pid is None else pid

    def close(self) -> None:
        self._file.close()


def collector_pid(database: Path) -> int | None:
    """The pid of the collector that records to this database, None if there is none."""
    try:
        watch = CollectorWatch(database)
    except DatabaseError:
        return None
    try:
        return watch.pid()
    finally:
        watch.close()


def _holder_beside(path: str) -> int | None:
    """The pid from the file beside the database, for users who may open that file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return _holder(fd)
    finally:
        os.close(fd)


def _open_beside(path: str, database: Descriptor) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        fd = os.open(path, flags, 0o600)
    except OSError as error:
        raise DatabaseError(f"cannot open {path}: {error.strerror}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        os.close(fd)
        raise DatabaseError(f"{path} is no plain file with a single name: remove it")
    with contextlib.suppress(OSError):  # its owner has done this
        os.fchmod(fd, 0o600)
        if os.geteuid() == 0:
            os.fchown(fd, database.owner, -1)
    return fd


def _take(fd: int, database: Path) -> bool:
    """Takes the lock; False if a reader blocks it. Raises RecordingError if another collector holds
    it, and OSError."""
    for _ in range(_TRIES):
        if try_lock(fd, ByteRange(_FIRST_BYTE, os.getpid())):
            return True
        pid = _holder(fd)
        if pid is not None:
            raise RecordingError(f"another collector (pid {pid}) already records to {database}")
    return False


def _holder(fd: int) -> int | None:
    """The pid of the collector that holds a lock on this file. Read locks are ignored."""
    try:
        lock = in_the_way(fd, _WHOLE, exclusive=False)
    except OSError:
        return None
    if lock is None or not lock.exclusive or lock.bytes.first != _FIRST_BYTE:
        return None
    return lock.bytes.length
