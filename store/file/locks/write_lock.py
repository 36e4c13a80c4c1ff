"""The lock of whoever writes to a database: SQLite's own."""

import sqlite3
import time

_SLICE_MS = 200


def begin_to_write(connection: sqlite3.Connection, busy_ms: int) -> None:
    """Begins a transaction that writes. Waits for another writer for `busy_ms`, which is the
    connection's busy timeout too, but in slices, between which Python takes note of Ctrl-C and
    SIGTERM: SQLite would hold them up until the wait ends. Raises sqlite3.OperationalError."""
    if busy_ms <= _SLICE_MS:
        connection.execute("BEGIN IMMEDIATE")
        return
    until_s = time.monotonic() + busy_ms / 1000
    connection.execute(f"PRAGMA busy_timeout = {_SLICE_MS:d}")
    try:
        while not _has_begun(connection, may_wait=time.monotonic() < until_s):
            pass
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms:d}")


def _has_begun(connection: sqlite3.Connection, *, may_wait: bool) -> bool:
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if may_wait and error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    return True
