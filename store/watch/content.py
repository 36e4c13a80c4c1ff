"""Whether a database file still holds what SQLite has put there: programs that know nothing of
SQLite truncate it (a rotation of logs) or copy another file over it."""

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
from execdb.store.schema.constants import MAGIC, WAL_MODE
from execdb.store.watch.wal_index import WalIndex

# sqlite.org/fileformat.html
_UNKNOWN = -1
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
    """Looks at size and header, from construction to `close`. Each time that the WAL was copied
    into the file the database gets another random `user_version`, by which the file is told from
    others and from copies of itself. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file = Descriptor(database.real)
        self._index: WalIndex | None = None
        self._belongs = True  # the WAL to what is in the file
        self._cut: tuple[int, int] | None = None
        self._said: str | None = None
        try:
            self._index = WalIndex(database.real)
            self._known = self._named()
            self._seen, self._version = self._size_and_time(), database.data_version()
        except OSError as error:
            self.close()
            raise DatabaseError(f"cannot watch {database.path}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise

    def _named(self) -> set[int]:
        """The number that is in the file and the one that comes with the WAL. Whatever was stored
        before, the run that has begun above all, is in the file itself then: a copy without the
        WAL tells of it."""
        self._rename()
        with contextlib.suppress(DatabaseRefused):  # a reader is in the way
            self._database.checkpoint()
        header = self._header()
        if header is None:
            raise DatabaseError(f"{self._database.path} was overwritten while it was opened")
        self._rename()
        return {header.user_version, self._asked()}

    def _rename(self) -> None:
        number = secrets.randbelow(2**31 - 1) + 1
        with self._database.writing() as connection:
            connection.execute(f"PRAGMA user_version = {number:d}")

    def spoiled(self) -> str | None:
        """A sentence where it is not what SQLite left; the database is then abandoned. Costs some
        microseconds. To be called again and again."""
        if self._said is None:
            self._said = self._look()
            if self._said is not None:
                self._database.abandon()
        return self._said

    def _look(self) -> str | None:
        if self._index is not None and not self._index.is_met():
            return "has lost its -wal, truncated while recording to it: start again"
        if self._is_another():
            return "has got another content while recording to it: start again"
        seen = self._size_and_time()
        if seen == self._seen and self._cut is None:
            return None
        before, self._seen = self._seen, seen
        if seen[0] < _HEADER.size or self._is_cut(before, seen):
            return "was truncated while recording to it: remove it with its -wal and start again"
        header = self._header()
        if header is not None and header.user_version in self._known:
            self._note(header)
            return None
        self._belongs = False
        return "was overwritten while recording to it: start again"

    def _is_another(self) -> bool:
        """By what SQLite says, through which another database can be copied over it."""
        with contextlib.suppress(sqlite3.Error):  # whoever stores next hears of it
            before, self._version = self._version, self._database.data_version()
            return before != self._version and self._asked() not in {*self._known, _UNKNOWN}
        return False

    def _is_cut(self, before: tuple[int, int], seen: tuple[int, int]) -> bool:
        """Shorter than it was and than it says. While the WAL is copied into it that may be, but
        then it changes from look to look."""
        header = self._header()
        short = header is not None and seen[0] < header.file_bytes
        if self._cut is None:
            short = short and seen[0] < before[0]
        cut, self._cut = self._cut, seen if short else None
        return short and cut == seen

    def _note(self, header: _Header) -> None:
        """The WAL was copied into it, up to some place."""
        if header.user_version == self._asked():
            with contextlib.suppress(DatabaseRefused):  # the next time will do
                self._rename()
            self._known = {header.user_version, self._asked()}

    def _asked(self) -> int:
        """What SQLite says, which knows of the WAL."""
        try:
            with self._database.reading() as connection:
                return int(scalar(connection, "PRAGMA user_version"))
        except DatabaseError:  # it meets what was written over it, or someone who is alone with it
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
            if not self._belongs:  # whoever opens it next would copy it in
                self._index.empty_wal()
            self._index.close()
            self._index = None
