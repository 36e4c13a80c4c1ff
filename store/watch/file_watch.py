"""Whether the files of a database are still where they were when it was opened, and hold what
SQLite has put there.

Asks the kernel under which name it knows the open files, which takes no right to look into their
folder.
"""

import contextlib
import os
import time
from collections.abc import Callable

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.watch.content import Content
from execdb.store.watch.mounts import Mounts

_EVERY_S = 0.5


class Watch:
    """The database and what SQLite keeps beside it, from construction to `close`. SQLite removes
    none of them while a connection is open. To be made after a first transaction. `locked` tells
    whether the lock still keeps others out. Raises DatabaseError."""

    def __init__(self, database: Database, locked: Callable[[], str | None]) -> None:
        self._database, self._locked = database, locked
        self._fds: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._mounts: Mounts | None = None
        self._content: Content | None = None
        self._next_s = 0.0
        try:
            for suffix in ("", "-wal", "-shm"):
                # O_PATH: to close another kind of descriptor would end SQLite's locks.
                flags = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
                fd = os.open(f"{database.real}{suffix}", flags)
                self._fds[suffix] = fd
                self._names[fd] = _name(fd)
            self._mounts = Mounts(database.real)
            self._content = Content(database)
        except OSError as error:
            self.close()
            raise DatabaseError(f"{error.filename} went while it was opened") from error
        except BaseException:
            self.close()
            raise

    def gone(self) -> str | None:
        """A sentence about the first thing that is not as it was; None if all is. Looks twice a
        second, however often it is asked."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            return None
        self._next_s = now_s + _EVERY_S
        return self.spoiled() or self._moved() or self._locked()

    def spoiled(self) -> str | None:
        """A sentence where the file does not hold what SQLite has put there."""
        assert self._content is not None
        spoiled = self._content.spoiled()
        return None if spoiled is None else f"{self._database.path} {spoiled}"

    def _moved(self) -> str | None:
        for fd, name in self._names.items():
            now = _name(fd)
            if now != name:
                if now.endswith(" (deleted)"):
                    return f"{name} was deleted or replaced while recording to it: start again"
                return f"{name} was moved to {now} while recording to it: start again"
        assert self._mounts is not None
        if self._mounts.changed():
            return (
                f"something was mounted over {self._names[self._fds['']]}, or unmounted, while "
                "recording to it: start again"
            )
        return None

    def wal_bytes(self) -> int:
        """The size of the WAL."""
        return os.stat(self._fds["-wal"]).st_size

    def close(self) -> None:
        if self._content is not None:
            with contextlib.suppress(OSError):
                self._content.spoiled()  # then nothing is copied into it as it is closed
            self._content.close()
            self._content = None
        if self._mounts is not None:
            self._mounts.close()
            self._mounts = None
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()


def _name(fd: int) -> str:
    return os.readlink(f"/proc/self/fd/{fd}")
