"""Notices that a program writes to an open database, without asking again and again."""

import os

from execdb.store.file.database import Database
from execdb.store.integrity import inotify

_EVENTS = inotify.MODIFY | inotify.MOVE_SELF | inotify.DELETE_SELF


class FileChanges:
    """Watches the database and its WAL, from construction to `close`. Needs the right to read them
    only then. `fd` becomes readable when anyone, also this process, writes to one of them; None if
    the kernel cannot tell."""

    def __init__(self, database: Database) -> None:
        self._database = database
        paths = [database.real, database.real.with_name(f"{database.real.name}-wal")]
        self.fd = inotify.watch(paths, _EVENTS)
        self._written = self._changes()

    @property
    def tell(self) -> bool:
        """Whether the kernel can tell."""
        return self.fd is not None

    def changed(self) -> bool:
        """Whether anyone has written since the last call."""
        return self.fd is not None and inotify.take(self.fd)

    def by_others(self) -> bool:
        """After a change: whether this process has written nothing since the last change, so that
        it was another one. Its commit may not be visible yet: SQLite writes to the WAL first."""
        before, self._written = self._written, self._changes()
        return before == self._written

    def _changes(self) -> int:
        """Grows with what this process writes."""
        return self._database.connection.total_changes

    def close(self) -> None:
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
