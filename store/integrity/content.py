"""Checks that a database file still holds what SQLite wrote: programs that know nothing of SQLite
truncate it (as log rotation does) or copy another file over it."""

import contextlib
import os
import secrets
import sqlite3
import struct
from typing import NamedTuple

from execdb.store.errors import DatabaseError, DatabaseRefused
from execdb.store.file.database import Database
from execdb.store.file.descriptor import Descriptor
from execdb.store.file.sql import scalar
from execdb.store.integrity.wal_index import WalIndex
from execdb.store.schema.constants import MAGIC, WAL_MODE

_UNKNOWN = -1
# sqlite.org/fileformat.html
_HEADER = struct.Struct(">16sH2s8xI28xI")


class _Header(NamedTuple):
    magic: bytes
    page_bytes: int
    versions: bytes  # to read and to write it
    pages: int
    user_version: int

    @property
    def file_bytes(self) -> int:
        return self.pages * (self.page_bytes if self.page_bytes > 1 else 65_536)


class Content:
    """Checks the size, the header and the WAL, from construction to `close`. After each checkpoint
    the database gets another random `user_version`: that distinguishes the file from others and
    from older copies of itself. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file = Descriptor(database.real)
        self._index: WalIndex | None = None
        self._wal_belongs = True  # to what is in the file
        self._too_short: tuple[int, int] | None = None
        self._problem: str | None = None
        try:
            self._index = WalIndex(database.real)
            self._known = self._mark()
            self._before, self._version = self._size_and_time(), database.data_version()
        except OSError as error:
            self.close()
            raise DatabaseError(f"cannot watch {database.path}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def _mark(self) -> set[int]:
        """Returns two new numbers, the one in the file and the one in the WAL. What was stored
        before, above all that a run has begun, is then in the file itself: a copy without the WAL
        also shows it."""
        self._renumber()
        with contextlib.suppress(DatabaseRefused):  # a reader is in the way
            self._database.checkpoint()
        header = self._header()
        if header is None:
            raise DatabaseError(f"{self._database.path} was overwritten while it was opened")
        self._renumber()
        return {header.user_version, self._number()}

    def _renumber(self) -> None:
        number = secrets.randbelow(2**31 - 1) + 1
        with self._database.writing() as connection:
            connection.execute(f"PRAGMA user_version = {number:d}")

    @property
    def in_doubt(self) -> bool:
        """Whether only the next check can tell."""
        return self._too_short is not None

    def problem(self) -> str | None:
        """The end of a sentence if the file is not what SQLite left, None if it is. The database is
        abandoned with the first problem. Costs some microseconds; call it again and again."""
        if self._problem is None:
            self._problem = self._check()
            if self._problem is not None:
                self._database.abandon()
        return self._problem

    def _check(self) -> str | None:
        if self._index is not None and not self._index.is_complete():
            return "has lost its -wal, truncated while recording to it: start again"
        if self._is_another():
            return "has got another content while recording to it: start again"
        now = self._size_and_time()
        if now == self._before and self._too_short is None:
            return None
        before, self._before = self._before, now
        if now[0] < _HEADER.size or self._is_truncated(before, now):
            return "was truncated while recording to it: remove it with its -wal and start again"
        header = self._header()
        if header is not None and header.user_version in self._known:
            self._note_checkpoint(header)
            return None
        self._wal_belongs = False
        return "was overwritten while recording to it: start again"

    def _is_another(self) -> bool:
        """Whether another database was copied into it through SQLite (sqlite3's .restore)."""
        with contextlib.suppress(sqlite3.Error):  # the next transaction meets it as well
            before, self._version = self._version, self._database.data_version()
            return before != self._version and self._number() not in {*self._known, _UNKNOWN}
        return False

    def _is_truncated(self, before: tuple[int, int], now: tuple[int, int]) -> bool:
        """Whether the file is shorter than it was and than its header says. That is normal during a
        checkpoint, but then the file changes from one check to the next."""
        header = self._header()
        short = header is not None and now[0] < header.file_bytes
        if self._too_short is None:
            short = short and now[0] < before[0]
        earlier, self._too_short = self._too_short, now if short else None
        return short and earlier == now

    def _note_checkpoint(self, header: _Header) -> None:
        """Gives another number once the one of the WAL was copied into the file."""
        if header.user_version == self._number():
            with contextlib.suppress(DatabaseRefused):  # next time is early enough
                self._renumber()
            self._known = {header.user_version, self._number()}

    def _number(self) -> int:
        """As SQLite reads it, with what is in the WAL."""
        try:
            with self._database.reading() as connection:
                return int(scalar(connection, "PRAGMA user_version"))
        except DatabaseError:  # it was overwritten, or another program has it for itself
            return _UNKNOWN

    def _header(self) -> _Header | None:
        raw = self._file.read(_HEADER.size)
        if len(raw) < _HEADER.size:
            return None
        header = _Header(*_HEADER.unpack(raw))
        return header if header.magic == MAGIC and header.versions == WAL_MODE else None

    def _size_and_time(self) -> tuple[int, int]:
        status = os.fstat(self._file.fd)
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:
        self._file.close()
        if self._index is not None:
            if not self._wal_belongs:  # the next program to open the file would copy it in
                self._index.empty_wal()
            self._index.close()
            self._index = None
