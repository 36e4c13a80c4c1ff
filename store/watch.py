"""Whether the files of a database are still where they were when it was opened.

Asks the kernel under which name it knows the open files, which takes no right to look into their
folder.
"""

import os
from pathlib import Path

from execdb.store.errors import DatabaseError


class Watch:
    """The database and what SQLite keeps beside it, from construction to `close`. SQLite removes
    none of them while a connection is open. Raises DatabaseError."""

    def __init__(self, database: Path) -> None:
        self._fds: dict[str, int] = {}
        self._names: dict[int, str] = {}
        try:
            for suffix in ("", "-wal", "-shm"):
                # O_PATH: to close another kind of descriptor would end SQLite's locks.
                fd = os.open(f"{database.resolve()}{suffix}", os.O_PATH | os.O_CLOEXEC)
                self._fds[suffix] = fd
                self._names[fd] = _name(fd)
        except OSError as error:
            self.close()
            raise DatabaseError(f"{error.filename} went while it was opened") from error

    def gone(self) -> str | None:
        """A sentence about the first file that is not where it was; None if all are."""
        for fd, name in self._names.items():
            now = _name(fd)
            if now != name:
                if now.endswith(" (deleted)"):
                    return f"{name} was deleted or replaced while recording to it: start again"
                return f"{name} was moved to {now} while recording to it: start again"
        return None

    def wal_bytes(self) -> int:
        """The size of the WAL."""
        return os.stat(self._fds["-wal"]).st_size

    def close(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()


def _name(fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{fd}")
