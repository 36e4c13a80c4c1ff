"""Errors of SQLite and of the operating system, as sentences for people. They are distinguished by
their codes. SQLite does not hand on the code of the system; the system is then asked again."""

import errno
import os
import resource
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from execdb.store.errors import (
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseFull,
    DatabaseOutdated,
    DatabaseRefused,
)
from execdb.store.file.filesystem_user import for_whom
from execdb.store.file.path import BESIDE, resolve
from execdb.store.schema.revision import OlderRevision
from execdb.store.schema.verify import SchemaRefused

VALUE_MAX = 16 << 20  # bytes of a value, a row, a statement
_FDS = 4  # descriptors that SQLite opens for a database
_NEAR = 1 << 20  # bytes below a limit: one write may be as long
_TOO_MANY_FILES = "too many open files: raise the limit (ulimit -n, LimitNOFILE=)"
_LONG_NAME = "its name is too long"
_READ_ONLY = "it is on a read-only file system"
_NO_SPACE = "no space left on its disk"
_NO_INODES = "no inodes left on its disk"
_FILE_SIZE = "the limit on the size of files is reached (ulimit -f, LimitFSIZE=)"


@contextmanager
def database_errors(path: Path) -> Iterator[None]:
    """Inside, what is wrong with this file or its schema is raised as DatabaseError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise as_database_error(path, error) from error
    except OlderRevision as error:
        raise DatabaseOutdated(f"{path} {error}") from error
    except SchemaRefused as error:
        raise DatabaseError(f"{path} {error}") from error
    except UnicodeDecodeError as error:  # of what SQLite says, which quotes the file
        raise DatabaseError(f"{path} is damaged: it holds text that is not UTF-8") from error
    except OverflowError as error:
        raise DatabaseError(f"{path} is damaged: the greatest id is taken") from error


def as_database_error(path: Path, error: sqlite3.Error) -> DatabaseError:
    """The exception for an error that SQLite reported about this file."""
    text, code = str(error), getattr(error, "sqlite_errorcode", -1) & 0xFF
    match code:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED | sqlite3.SQLITE_PROTOCOL:
            return DatabaseBusy(f"{path} is locked by another program: try again when it is done")
        case sqlite3.SQLITE_FULL:
            return DatabaseFull(f"no space left for {path}")
        case sqlite3.SQLITE_IOERR:
            return _not_written(path, error)
        case sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM:
            return _not_opened(path, error)
        case sqlite3.SQLITE_CORRUPT:
            return DatabaseDamaged(
                f"{path} is damaged ({text}): restore a copy, or save what can be read with "
                "sqlite3 FILE .dump"
            )
        case sqlite3.SQLITE_NOTADB:
            return DatabaseError(f"{path} is not an SQLite database")
        case sqlite3.SQLITE_TOOBIG:
            return DatabaseError(
                f"{path} holds a value, or was to take one, of more than {VALUE_MAX >> 20} MiB"
            )
    return DatabaseError(f"{path} is inconsistent: {text}")


def from_os_error(path: Path, doing: str, error: OSError) -> DatabaseError:
    """The exception for an error of the operating system: "cannot DOING PATH: why"."""
    match error.errno:
        case errno.ENOSPC:
            return DatabaseFull(f"cannot {doing} {path}: {_lack_of_room(path) or _NO_SPACE}")
        case errno.EDQUOT:
            return DatabaseFull(f"cannot {doing} {path}: its owner's disk quota is used up")
        case errno.EMFILE | errno.ENFILE:
            why = _TOO_MANY_FILES
        case errno.ENAMETOOLONG:
            why = _LONG_NAME
        case errno.EROFS:
            why = _READ_ONLY
        case errno.EFBIG:
            why = _FILE_SIZE
        case _:
            why = str(error.strerror)
    return DatabaseError(f"cannot {doing} {path}: {why}")


def _not_written(path: Path, error: sqlite3.Error) -> DatabaseError:
    """An I/O error: what SQLite has to say of any system call but open(2)."""
    room = _lack_of_room(path)
    if room is not None:
        return DatabaseFull(f"cannot write to {path}: {room}")
    if _at_size_limit(path):
        return DatabaseRefused(f"cannot write to {path}: {_FILE_SIZE}")
    name = getattr(error, "sqlite_errorname", "")
    return DatabaseRefused(f"cannot read or write {path}: {error} ({name})")


def _not_opened(path: Path, error: sqlite3.Error) -> DatabaseError:
    room = _lack_of_room(path)
    if room is not None:
        return DatabaseFull(f"cannot open {path} or make what belongs beside it: {room}")
    if _too_many_files():
        return DatabaseError(f"cannot open {path}: {_TOO_MANY_FILES}")
    if _name_is_too_long(path):
        return DatabaseError(f"cannot open {path}: {_LONG_NAME}: SQLite adds -journal to it")
    if _is_read_only(path):
        wal = " and has a WAL, without which it is not whole: copy both to where you may write"
        more = wal if os.path.exists(f"{path}-wal") else ""
        return DatabaseError(f"cannot open {path}: {_READ_ONLY}{more}")
    resolved = resolve(path)
    places = (resolved.real, resolved.real.parent)
    if resolved.controller or not all(
        os.access(each, os.W_OK, effective_ids=True) for each in places
    ):
        return DatabaseError(
            f"no permission to write to {path}, or to its folder{for_whom(resolved)}"
        )
    return DatabaseError(f"cannot open {path} or what is beside it: {error}")


def _lack_of_room(path: Path) -> str | None:
    try:
        disk = os.statvfs(resolve(path).real.parent)
    except OSError:
        return None
    if disk.f_flag & os.ST_RDONLY:
        return None
    if disk.f_files and not disk.f_ffree:
        return _NO_INODES
    return None if disk.f_bavail or not disk.f_blocks else _NO_SPACE


def _too_many_files() -> bool:
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        return len(os.listdir("/proc/self/fd")) + _FDS > limit
    except OSError as error:
        return error.errno in (errno.EMFILE, errno.ENFILE)


def _name_is_too_long(path: Path) -> bool:
    real = resolve(path).real
    try:
        return len(os.fsencode(f"{real.name}-journal")) > os.pathconf(real.parent, "PC_NAME_MAX")
    except OSError:
        return False


def _is_read_only(path: Path) -> bool:
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _at_size_limit(path: Path) -> bool:
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    if limit == resource.RLIM_INFINITY:
        return False
    real = resolve(path).real
    files = (real.with_name(real.name + end) for end in ("", *BESIDE))
    return any(os.path.exists(file) and file.stat().st_size + _NEAR > limit for file in files)
