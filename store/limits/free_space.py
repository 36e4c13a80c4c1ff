"""Whether there is space to store more: on the disk, and in the WAL.

While a reader stays in one transaction, SQLite cannot start the WAL again from its beginning, so
the WAL grows with everything that is stored.
"""

import os
from collections.abc import Callable

from execdb.store.account import Cause
from execdb.store.errors import DatabaseRefused
from execdb.store.file.database import Database
from execdb.store.limits.bounds import WAL_MAX

_AGAIN = 1.25  # storing starts again when this many times the least free space is free
_RETRY_S = 1.0  # how often it tries to empty the WAL


class FreeSpace:
    """Needs no right to search the folder later, as it keeps descriptors of its own. Create it
    after a first transaction: then the WAL exists. `checkpoint` empties the WAL where something
    other than the database does so. Raises OSError."""

    def __init__(
        self,
        database: Database,
        min_free_percent: float,
        wal_max_bytes: int = WAL_MAX,
        checkpoint: Callable[[], bool] | None = None,
    ) -> None:
        self._checkpoint = checkpoint or database.checkpoint
        self._min_free_percent, self._wal_max_bytes = min_free_percent, wal_max_bytes
        path = database.real
        # O_PATH: closing any other descriptor of the file would release SQLite's locks.
        self._fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        self._wal = os.open(f"{path}-wal", os.O_PATH | os.O_CLOEXEC)
        self._low = self._blocked = False
        self._tried_s = 0.0

    def change(self, min_free_percent: float, wal_max_bytes: int) -> None:
        """From now on the limits are these."""
        self._min_free_percent, self._wal_max_bytes = min_free_percent, wal_max_bytes

    def lack(self, now_s: float) -> Cause | None:
        """Why nothing may be stored now; None if there is space."""
        self._low = self._is_low()
        if self._low:
            return Cause.NO_SPACE
        self._blocked = self._is_blocked(now_s)
        return Cause.WAL_BLOCKED if self._blocked else None

    def _is_low(self) -> bool:
        disk = os.fstatvfs(self._fd)
        usable = (
            disk.f_blocks - disk.f_bfree + disk.f_bavail
        )  # without root's reserve, as df has it
        least_percent = self._min_free_percent * (_AGAIN if self._low else 1)
        return disk.f_bavail * 100 < usable * least_percent

    def wal_is_full(self) -> bool:
        """Whether nothing should be written to the WAL before it was emptied."""
        return os.stat(self._wal).st_size > self._wal_max_bytes

    def _is_blocked(self, now_s: float) -> bool:
        if not self.wal_is_full():
            return False
        if self._blocked and now_s - self._tried_s < _RETRY_S:
            return True
        self._tried_s = now_s
        try:
            return not self._checkpoint()
        except DatabaseRefused:
            return True

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._wal)
