"""Whether there is room to go on storing: on the disk, and in the WAL.

A reader that stays in one transaction keeps SQLite from using the WAL again from its beginning, so
that it grows with everything that is stored.
"""

import os
from collections.abc import Callable

from execdb.store.account import Cause
from execdb.store.errors import DatabaseRefused
from execdb.store.file.database import Database
from execdb.store.limits.bounds import WAL_MAX

_AGAIN = 1.25  # storing goes on when so many times the least free space is there
_RETRY_S = 1.0  # how often emptying the WAL is tried


class Space:
    """Asks through descriptors of its own, which takes no right to look into the folder. To be
    made after a first transaction: the WAL is there then. `take_up_wal` is for where something
    else than the database takes it up, too. Raises OSError."""

    def __init__(
        self,
        database: Database,
        min_free_percent: float,
        wal_max_bytes: int = WAL_MAX,
        take_up_wal: Callable[[], bool] | None = None,
    ) -> None:
        self._take_up_wal = take_up_wal or database.take_up_wal
        self._min_free_percent, self._wal_max_bytes = min_free_percent, wal_max_bytes
        path = database.real
        # O_PATH: to close another kind of descriptor would end SQLite's locks.
        self._fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        self._wal = os.open(f"{path}-wal", os.O_PATH | os.O_CLOEXEC)
        self._low = self._blocked = False
        self._tried_s = 0.0

    def lack(self, now_s: float) -> Cause | None:
        """Why nothing should be stored now; None if it may."""
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

    def _is_blocked(self, now_s: float) -> bool:
        if os.stat(self._wal).st_size <= self._wal_max_bytes:
            return False
        if self._blocked and now_s - self._tried_s < _RETRY_S:
            return True
        self._tried_s = now_s
        try:
            return not self._take_up_wal()
        except DatabaseRefused:
            return True

    def close(self) -> None:
        os.close(self._fd)
        os.close(self._wal)
