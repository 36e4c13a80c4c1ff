"""Makes and shares files in folders that may belong to another user, with that user's rights."""

import contextlib
import os
import stat
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import resolve


def make_folder(folder: Path) -> None:
    """Makes a private folder if there is none. Raises OSError, DatabaseError."""
    path = resolve(folder)
    with acting_for(path):
        path.real.mkdir(mode=0o700, exist_ok=True)


def make_file(file: Path) -> None:
    """Makes a private, empty file if there is none; never follows a link that appears meanwhile.
    Raises OSError, DatabaseError."""
    path = resolve(file)
    with acting_for(path), contextlib.suppress(FileExistsError):
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path.real, flags, 0o600))


def share(database: Path, group: int, *, folder: bool) -> None:
    """Lets a group read the database and the files beside it, and with `folder` enter the folder. A
    folder that execdb may not change must be accessible already. Raises DatabaseError."""
    path = resolve(database)  # SQLite keeps its files beside the file itself, not beside a link
    try:
        parent = os.open(path.real.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for suffix in ("", "-wal", "-shm"):
                _give(path.real.name + suffix, parent, path.controller, group, 0o640)
            if folder:
                _give(".", parent, path.controller, group, 0o750)
            status = os.fstat(parent)
        finally:
            os.close(parent)
    except OSError as error:
        raise DatabaseError(
            f"cannot let group {group} read {database} and what is beside it: {error.strerror}"
        ) from error
    if not ((status.st_gid == group and status.st_mode & 0o010) or status.st_mode & 0o001):
        name = path.real.parent
        raise DatabaseError(
            f"group {group} cannot get to {database}: chgrp {group} {name}, then chmod g+rx it"
        )


def _give(name: str, parent: int, owner: int | None, group: int, mode: int) -> None:
    """Gives a file of the folder `parent` (a descriptor), or that folder itself, to a group, by a
    descriptor: a moment later the name may stand for another file. `owner` is the uid that must
    own the file, None for any."""
    # O_PATH: closing any other kind of descriptor would end SQLite's locks.
    found = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        status = os.fstat(found)
        plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        if not (plain or name == ".") or owner not in (None, status.st_uid):
            raise DatabaseError(
                f"{name} is a link, or not a file of the folder's owner: it was swapped"
            )
        os.chown(f"/proc/self/fd/{found}", -1, group)
        os.chmod(f"/proc/self/fd/{found}", mode)
    finally:
        os.close(found)
