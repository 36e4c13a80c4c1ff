"""Checks while recording that the files of a database are still where they were when it was opened,
and hold what SQLite wrote.

It asks the kernel for the names of the open files, which needs no rights on their folder.
"""

import contextlib
import os
import time
from collections.abc import Callable

from execdb.store.errors import DatabaseError
from execdb.store.file.database import Database
from execdb.store.integrity.content import Content
from execdb.store.integrity.mounts import Mounts

EVERY_S = 0.5


class FileIntegrity:
    """Checks the database, its WAL and its index, from construction to `close`. SQLite removes none
    of them while a connection is open. Construct it after a first transaction. `lock_problem` is
    `CollectorLock.problem`. Raises DatabaseError."""

    def __init__(self, database: Database, lock_problem: Callable[[], str | None]) -> None:
        self._database, self._lock_problem = database, lock_problem
        self._fds: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._mounts: Mounts | None = None
        self._content: Content | None = None
        self._next_s = 0.0
        self.in_doubt = False  # whether there has to be another check, EVERY_S after the last one
        try:
            for suffix in ("", "-wal", "-shm"):
                # O_PATH: closing any other kind of descriptor would end SQLite's locks.
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

    def problem(self) -> str | None:
        """A sentence about the first thing that has changed, None if nothing has. Checks twice a
        second, however often it is called."""
        now_s = time.monotonic()
        if now_s < self._next_s:
            self.in_doubt = True
            return None
        self._next_s = now_s + EVERY_S
        problem = self.content_problem() or self._moved() or self._lock_problem()
        self.in_doubt = self._content is not None and self._content.in_doubt
        return problem

    def content_problem(self) -> str | None:
        """A sentence if the file does not hold what SQLite wrote, None if it does."""
        assert self._content is not None
        problem = self._content.problem()
        return None if problem is None else f"{self._database.path} {problem}"

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
                self._content.problem()  # if there is one, closing copies nothing into the file
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
