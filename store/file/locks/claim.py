"""Locks by which a collector asks the one that records to a file to end, and is answered.

Both are on the file beside the database, which only its owner may open, on bytes before the lock
of the collector itself. Whoever waits holds `_WAITING`. `_DECIDED` goes to whoever is first: to the
one that records, which then ends, or to the one that waits, which then gives up. So they never
both end, and both never record. The kernel releases them when a process ends, in whatever way.
"""

import contextlib
import os
from pathlib import Path

from execdb.store.errors import DatabaseError, RecordingError
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.locks.byte_range import ByteRange, in_the_way, try_lock, unlock
from execdb.store.file.path import real_path, resolve

_WAITING, _DECIDED = ByteRange((1 << 62) - 2, 1), ByteRange((1 << 62) - 1, 1)


class Claim:
    """Held from construction to `close`. Raises RecordingError if another process waits already,
    DatabaseError."""

    def __init__(self, database: Path) -> None:
        path = f"{real_path(database)}.lock"
        flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
        try:
            with acting_for(resolve(database)):
                self._fd = os.open(path, flags)
        except OSError as error:
            raise DatabaseError(f"cannot open {path}: {error.strerror}") from error
        if not _take(self._fd, _WAITING):
            self.close()
            raise RecordingError(f"another collector is about to take over {database}")

    @property
    def file(self) -> str:
        """The file that both lock, as proc(5) names it in what it tells about locks."""
        told = Path(f"/proc/self/fdinfo/{self._fd}").read_text()
        (line,) = [line for line in told.splitlines() if line.startswith("lock:")]
        return next(word for word in line.split() if word.count(":") == 2)

    def withdraw(self) -> bool:
        """False if the other one has begun to end."""
        return _take(self._fd, _DECIDED)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self._fd)


def accept(beside: int) -> bool:
    """Whether someone waits. If so, this process has to end, and they will not give up."""
    if not _take(beside, _DECIDED):
        return False
    if in_the_way(beside, _WAITING) is not None:
        return True
    with contextlib.suppress(OSError):
        unlock(beside, _DECIDED)
    return False


def _take(fd: int, bytes_: ByteRange) -> bool:
    try:
        return try_lock(fd, bytes_)
    except OSError as error:
        raise DatabaseError(f"cannot lock the file of a collector: {error.strerror}") from error
