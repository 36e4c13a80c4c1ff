"""Writes a file that is there as a whole or not at all."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

from execdb.store.errors import DatabaseError
from execdb.store.file.filesystem_user import acting_for
from execdb.store.file.path import BESIDE, ResolvedPath, resolve
from execdb.store.file.sqlite_errors import from_os_error


@contextlib.contextmanager
def new_file(path: Path, *, replace: bool, but: Path | None) -> Iterator[Path]:
    """Gives the name of an empty, private file beside `path`, which gets the name `path` at the
    end; on an exception it is removed, and `path` stays as it was. With `replace` a plain file
    that has the name already is replaced, except the database `but` and the files beside it.

    In a folder of another user root works with the rights of that user, also inside, and no link
    is followed in the last place. Raises DatabaseError.
    """
    name = path.name
    temporary = f".{name[:200]}.{secrets.token_hex(6)}.part"
    folder = resolve(path.absolute().parent / temporary)
    place, final = folder.real, folder.real.parent / name
    with _working_in(folder, path):
        _check_target(path, final, replace, but)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        made: int | None = None
        try:  # an interrupt may come as soon as the file is there
            made = os.open(place, flags, 0o600)
            yield place
            _is_still(place, made)
            os.fsync(made)
            if replace:
                os.rename(place, final)
            else:
                _rename_to_new(place, final)
        finally:
            if made is not None:
                os.close(made)
            for left in (place, Path(f"{place}-journal")):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(left)
        _sync_folder(final.parent)


@contextlib.contextmanager
def _working_in(folder: ResolvedPath, path: Path) -> Iterator[None]:
    with acting_for(folder):
        try:
            yield
        except FileExistsError as error:
            raise DatabaseError(f"{path} exists: --force replaces it") from error
        except OSError as error:
            raise from_os_error(path, "write", error) from error


def _check_target(path: Path, final: Path, replace: bool, but: Path | None) -> None:
    """Raises DatabaseError, FileExistsError."""
    try:
        status = os.lstat(final)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(status.st_mode):
        raise DatabaseError(f"{path} is a link: name the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise DatabaseError(f"{path} is not a plain file")
    for own in ("", *BESIDE) if but is not None else ():
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(status, os.stat(f"{but}{own}")):
                raise DatabaseError(f"{path} belongs to the database that is read")
    if not replace:
        raise FileExistsError


def _is_still(place: Path, made: int) -> None:
    if not os.path.samestat(os.lstat(place), os.fstat(made)):
        raise DatabaseError(f"{place} was replaced by another program")


def _rename_to_new(place: Path, final: Path) -> None:
    """Raises FileExistsError. rename(2) would replace a file that appeared meanwhile."""
    try:
        os.link(place, final, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(final):
            raise FileExistsError from None
        os.rename(place, final)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # the file is there; not every file system can do this
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
