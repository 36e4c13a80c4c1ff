"""The lock of writers, which another program may hold for long."""

import signal
import time
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database
from execdb.store.file.sql import scalar


def test_a_signal_ends_the_wait_for_another_writer(db: Path) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with open_database(db) as holder, open_database(db, busy_ms=40_000) as waiting:
        before, begun_s = signal.signal(signal.SIGALRM, interrupt), time.monotonic()
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with holder.writing(), pytest.raises(KeyboardInterrupt), waiting.writing():
                pass
        finally:
            signal.signal(signal.SIGALRM, before)
        assert time.monotonic() - begun_s < 20
        assert scalar(waiting.connection, "PRAGMA busy_timeout") == 40_000


def test_a_writer_waits_as_long_as_it_was_told(db: Path) -> None:
    with open_database(db) as holder, open_database(db, busy_ms=307) as waiting:
        begun_s = time.monotonic()
        with holder.writing(), pytest.raises(DatabaseError, match="locked"), waiting.writing():
            pass
        assert time.monotonic() - begun_s >= 0.3
