"""Notices what happens to an open database, without asking again and again."""

import os
import select

from execdb.store.file.database import Database
from execdb.store.integrity import inotify
from execdb.store.integrity.file_integrity import EVERY_S
from execdb.store.integrity.mounts import MountChanges

_MOVED = inotify.MOVE_SELF | inotify.DELETE_SELF
_FILE = inotify.MODIFY | inotify.ATTRIB | _MOVED
_TOLD_S, _HALF_TOLD_S, _UNTOLD_S = 5.0, 1.0, 0.2


class FileChanges:
    """Watches the files of a database and the folders and mounts on the way to them, from
    construction to `close`. Needs the right to read them only then. Where there is one, `fds` are
    descriptors and the events of poll(2) that say that something has happened, also by this
    process. `look_s` is how often to look nevertheless: the kernel may not tell everything, and
    what happened may be `unchecked` yet."""

    def __init__(self, database: Database) -> None:
        self._database = database
        real = database.real
        files = {real.with_name(f"{real.name}{suffix}"): _FILE for suffix in ("", "-wal", "-shm")}
        folders = dict.fromkeys(real.parents, _MOVED)
        self.unchecked, self._told_s = False, _TOLD_S
        self._fd = inotify.watch(files | folders)
        if self._fd is None:  # a folder that may be searched, but not read
            self._told_s = _HALF_TOLD_S
            self._fd = inotify.watch(files)
        if self._fd is None:
            self._told_s = _UNTOLD_S
        self._mounts = MountChanges()
        self._files = [os.open(path, os.O_PATH | os.O_CLOEXEC) for path in files]
        self._others = False
        self._written = self._changes()

    @property
    def fds(self) -> list[tuple[int, int]]:
        mounts = self._mounts.fd, select.POLLPRI
        return [mounts] if self._fd is None else [(self._fd, select.POLLIN), mounts]

    @property
    def look_s(self) -> float:
        return min(self._told_s, EVERY_S) if self.unchecked else self._told_s

    def changed(self) -> bool:
        """Whether anything has happened since the last call."""
        found = 0 if self._fd is None else inotify.take(self._fd)
        if found == inotify.ATTRIB and self._have_names():
            found = 0  # SQLite gives the WAL its owner whenever root opens it
        mounted = self._mounts.changed()
        self._others = mounted or bool(found & ~inotify.MODIFY)
        return mounted or bool(found)

    def by_others(self) -> bool:
        """After a change: whether it was another program: whether this process has written nothing
        since the last change, or nobody wrote. A commit of others may not be visible yet: SQLite
        writes to the WAL first."""
        before, self._written = self._written, self._changes()
        return self._others or before == self._written

    def _have_names(self) -> bool:
        return all(os.fstat(fd).st_nlink for fd in self._files)

    def _changes(self) -> int:
        """Grows with what this process writes."""
        return self._database.connection.total_changes

    def close(self) -> None:
        self._mounts.close()
        for fd in self._files:
            os.close(fd)
        self._files.clear()
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
