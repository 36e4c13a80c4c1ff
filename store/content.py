"""Whether a database file still holds what SQLite has put there: programs that know nothing of
SQLite truncate it (a rotation of logs) or copy another file over it."""

import os
import secrets
import struct
from typing import NamedTuple

from execdb.store.database import Database
from execdb.store.descriptor import Descriptor
from execdb.store.errors import DatabaseError
from execdb.store.layout import MAGIC, WAL_MODE
from execdb.store.sql import scalar

# sqlite.org/fileformat.html
_HEADER = struct.Struct(">16sH2s4xII28xI4xI")


class _Header(NamedTuple):
    magic: bytes
    page_bytes: int
    versions: bytes  # to read and to write it
    changes: int  # never fewer than before
    pages: int
    user_version: int
    application_id: int

    @property
    def identity(self) -> tuple[int, int]:
        return self.user_version, self.application_id

    @property
    def file_bytes(self) -> int:
        return self.pages * (self.page_bytes if self.page_bytes > 1 else 65_536)


class Content:
    """Looks at size and header, from construction to `close`. Gives a database without one a random
    `user_version`, to tell it from another. Raises DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._file = Descriptor(database.real)
        self._wal = -1
        try:
            self._wal = os.open(f"{database.real}-wal", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            header = self._header()
            if header is None:
                raise DatabaseError(f"{database.path} was overwritten while it was opened")
            if not header.user_version:
                number = secrets.randbelow(2**31 - 1) + 1
                with database.writing() as connection:
                    connection.execute(f"PRAGMA user_version = {number:d}")
            # In the file it is the one of before until the WAL is copied into it.
            self._known = {header.identity, self._asked()}
            self._changes, self._seen = header.changes, self._size_and_time()
        except OSError as error:
            self.close()
            raise DatabaseError(f"cannot watch {database.path}: {error.strerror}") from error
        except BaseException:
            self.close()
            raise
        self._cut: tuple[int, int] | None = None
        self._said: str | None = None

    def spoiled(self) -> str | None:
        """A sentence where it is not what SQLite left; the database is then abandoned. Costs a
        system call if nothing has been written to it. To be called again and again."""
        if self._said is None:
            self._said = self._look()
        return self._said

    def _look(self) -> str | None:
        seen = self._size_and_time()
        if seen == self._seen and self._cut is None:
            return None
        before, self._seen = self._seen, seen
        if seen[0] < _HEADER.size or self._is_cut(before, seen):
            self._database.abandon()
            return "was truncated while recording to it: remove it with its -wal and start again"
        header = self._header()
        if header is not None and header.identity in self._known:
            if header.changes >= self._changes:
                self._note(header)
                return None
        elif header is not None and header.identity == self._asked():
            return "has got another content while recording to it: start again"
        self._database.abandon()
        os.ftruncate(self._wal, 0)  # it would be copied into a content that it does not belong to
        return "was overwritten while recording to it: start again"

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
        self._changes = header.changes
        if len(self._known) > 1 and header.identity == self._asked():
            self._known = {header.identity}

    def _asked(self) -> tuple[int, int]:
        """The identity by what SQLite says, which knows of the WAL."""
        try:
            with self._database.reading() as connection:
                names = ("user_version", "application_id")
                first, second = (int(scalar(connection, f"PRAGMA {name}")) for name in names)
        except DatabaseError:  # it meets what was written over it
            return -1, -1
        return first, second

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
        if self._wal >= 0:
            os.close(self._wal)
            self._wal = -1
