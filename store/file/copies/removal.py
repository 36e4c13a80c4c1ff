"""Removes a database for good, with what execdb keeps beside it, and nothing else of its folder."""

import errno
import os
import stat
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.copies.beside import pattern_of_copies
from execdb.store.file.path import BESIDE
from execdb.store.schema.constants import APPLICATION_ID, MAGIC

_HEADER_BYTES = 72  # of them the last four are the application id (sqlite.org/fileformat.html)
_BESIDE = (*BESIDE, "-journal")


def require_ours(database: Path) -> bool:
    """False if there is no file. Raises DatabaseError if it is not execdb's, or a link."""
    try:
        folder = _open_folder(database)
    except FileNotFoundError:
        return False
    try:
        return _is_there(folder, database)
    finally:
        os.close(folder)


def remove_database(database: Path, user: int | None, own_folder: Path) -> bool:
    """Removes the database and its copies; False if there is no database. Its folder goes with it
    if nothing is left in it, no disk is mounted there, and it is `own_folder` or belongs to `user`,
    a uid. Follows no link in the folder: another user may own it. Raises DatabaseError if the
    database is not execdb's."""
    try:
        folder = _open_folder(database)
    except FileNotFoundError:
        return False
    try:
        if not _is_there(folder, database):
            return False
        copies = pattern_of_copies(database)
        beside = {database.name + suffix for suffix in _BESIDE}
        found = [name for name in os.listdir(folder) if name in beside or copies.fullmatch(name)]
        for name in (*found, database.name):
            if stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode):
                os.unlink(name, dir_fd=folder)
        ours = database.parent == own_folder or os.fstat(folder).st_uid == user
        if ours and not os.listdir(folder):
            _remove_folder(database.parent)
    except OSError as error:
        raise DatabaseError(f"cannot remove {database}: {error.strerror}") from error
    finally:
        os.close(folder)
    return True


def _remove_folder(folder: Path) -> None:
    """It stays if a disk of its own is mounted there."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise


def _open_folder(database: Path) -> int:
    try:
        return os.open(database.parent, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DatabaseError(f"cannot look into {database.parent}: {error.strerror}") from error


def _is_there(folder: int, database: Path) -> bool:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(database.name, flags, dir_fd=folder)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise DatabaseError(f"cannot open {database}: {error.strerror}") from error
    try:
        plain = stat.S_ISREG(os.fstat(file).st_mode)
        header = os.read(file, _HEADER_BYTES) if plain else b""
    finally:
        os.close(file)
    application = APPLICATION_ID.to_bytes(4, "big")
    if not (header.startswith(MAGIC) and header[-4:] == application):
        raise DatabaseError(
            f"{database} is not a database of execdb, so --purge does not remove it: leave it out"
        )
    return True
