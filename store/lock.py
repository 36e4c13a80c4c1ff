"""At most one collector a database: an flock(2) on a file beside it.

The lock goes with the process, however it ends; the file that stays behind means nothing.
"""

import fcntl
import os
from pathlib import Path

from execdb.store.errors import DatabaseError, RecordingError
from execdb.store.safe_files import acting_for, for_whom, way_to


def _lock_path(database: Path) -> Path:
    real = database.resolve()  # two names of one file share a lock
    return real.with_name(real.name + ".lock")


class CollectorLock:
    """Held from construction to `close`. Raises RecordingError when another process holds it."""

    def __init__(self, database: Path) -> None:
        path = _lock_path(database)
        way = way_to(database)
        try:
            with acting_for(way):
                self._fd = os.open(
                    path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
                )
        except OSError as error:
            whom = for_whom(way)
            raise DatabaseError(f"cannot open {path}: {error.strerror}{whom}") from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._fd, 20, 0).decode(errors="replace").strip()
            os.close(self._fd)
            raise RecordingError(
                f"another collector (pid {holder}) already records to {database}"
            ) from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def close(self) -> None:
        os.close(self._fd)


def collector_pid(database: Path) -> int | None:
    """The pid of the collector that records to this database, None if there is none."""
    try:
        with acting_for(way_to(database)):
            fd = os.open(_lock_path(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(fd, 20, 0).strip()
        return int(text) if text.isdigit() else 0
    else:
        return None
    finally:
        os.close(fd)
