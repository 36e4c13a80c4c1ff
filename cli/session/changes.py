"""Waiting until someone has written to a database."""

import os
import select
from pathlib import Path

from execdb.store.integrity import inotify

_EVENTS = (
    inotify.MODIFY | inotify.MOVED_FROM | inotify.MOVED_TO | inotify.CREATE | inotify.DELETE
    | inotify.DELETE_SELF | inotify.MOVE_SELF
)  # fmt: skip
_POLL_S = 0.025  # how often to look if the kernel does not tell


class Changes:
    """Wakes when a file in the folder of a database changes: each commit is written to the WAL
    beside it. Where the kernel cannot tell (the folder may not be read, or the user has too many
    watches), it wakes all the time."""

    def __init__(self, database: Path, reader: int, interrupt: int) -> None:
        """`reader` is a descriptor that may lose its reader, such as stdout; waits also end when
        `interrupt` can be read."""
        self._fd = inotify.watch({database.parent: _EVENTS})
        self._poll = select.poll()
        self._reader = reader
        self._poll.register(reader, 0)  # errors and hang-ups are always reported
        self._poll.register(interrupt, select.POLLIN)
        if self._fd is not None:
            self._poll.register(self._fd, select.POLLIN)
        self.has_reader = True

    def wait(self, timeout_s: float) -> bool:
        """Waits for a change, at most so long. Returns whether there may be one."""
        if self._fd is None:
            timeout_s = min(timeout_s, _POLL_S)
        found = dict(self._poll.poll(timeout_s * 1000))
        if self._reader in found:
            self.has_reader = False
        if self._fd is not None and self._fd in found:
            inotify.take(self._fd)
        return bool(found) or self._fd is None

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
