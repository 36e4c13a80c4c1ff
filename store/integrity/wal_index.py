"""Checks that the WAL holds what SQLite's index of it says (sqlite.org/walformat.html)."""

import os
import struct
from pathlib import Path

_INDEX_BYTES = 48  # of its header, which is stored twice
_INDEX = struct.Struct("=12x2xHI12x8s")  # page size, frames, salts as in the WAL
_WAL_BYTES, _FRAME_BYTES = 32, 24  # of their headers
_SALTS = slice(16, 24)  # in that of the WAL


class WalIndex:
    """The index of an open database's WAL. Raises OSError."""

    def __init__(self, real: Path) -> None:
        more = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        self._wal = os.open(f"{real}-wal", os.O_RDWR | more)
        # Never closed: that would end the locks that SQLite has on it in this process.
        self._index = os.open(f"{real}-shm", os.O_RDONLY | more)

    def is_complete(self) -> bool:
        """False if the WAL was truncated. SQLite would then write at its former end, and copy what
        is missing before that into the database as zeros."""
        before = self._header()
        size, start = os.fstat(self._wal).st_size, os.pread(self._wal, _WAL_BYTES, 0)
        if before is None or before != self._header():
            return True  # it is being written
        page_bytes, frames, salts = _INDEX.unpack_from(before)
        frame_bytes = _FRAME_BYTES + (page_bytes if page_bytes > 1 else 65_536)
        return not frames or (size >= _WAL_BYTES + frames * frame_bytes and start[_SALTS] == salts)

    def _header(self) -> bytes | None:
        both = os.pread(self._index, 2 * _INDEX_BYTES, 0)
        first = both[:_INDEX_BYTES]
        return first if len(first) == _INDEX_BYTES and first == both[_INDEX_BYTES:] else None

    def empty_wal(self) -> None:
        os.ftruncate(self._wal, 0)

    def close(self) -> None:
        os.close(self._wal)
