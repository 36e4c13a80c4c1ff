"""Checking a database does not disturb SQLite, and leaves nothing open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.file.database import open_database


def test_looking_at_a_database_ends_none_of_sqlites_locks(db: Path) -> None:
    """By POSIX, closing any descriptor of the file ends them."""
    others = "import fcntl, struct, sys; print(struct.unpack('hhqqi4x', fcntl.fcntl(open(sys.argv[1"
    others += "], 'rb+'), fcntl.F_GETLK, struct.pack('hhqqi4x', 1, 0, 0x40000002, 510, 0)))[0])"

    def locked() -> bool:
        done = subprocess.run([sys.executable, "-c", others, db], capture_output=True, check=True)
        return done.stdout == b"0\n"  # F_RDLCK

    with open_database(db) as database:
        with database.reading():
            pass
        assert locked()
        open_database(db).close()
        assert locked()
    assert not locked()


def test_refusals_leave_no_descriptor_open(db: Path) -> None:
    Path(f"{db}-wal").mkdir()
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        with pytest.raises(DatabaseError):
            open_database(db)
    assert len(os.listdir("/proc/self/fd")) == len(before)
