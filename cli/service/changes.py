"""Writes or removes several files together: if one fails, those before it are restored."""

import contextlib
import os
import tempfile
from collections.abc import Container, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_MODE, _PRIVATE = 0o644, 0o600


class _Before(NamedTuple):
    """A file as it was; `content` is None if there was none."""

    path: Path
    content: bytes | None
    mode: int
    owner: tuple[int, int]


def _before(path: Path) -> _Before:
    if not path.exists():
        return _Before(path, None, 0, (0, 0))
    status = path.stat()
    return _Before(path, path.read_bytes(), status.st_mode & 0o777, (status.st_uid, status.st_gid))


def write_all(texts: Mapping[Path, str], private: Container[Path] = ()) -> None:
    """Those that are `private` only their owner may read. Raises OSError, after which nothing has
    changed."""
    done: list[_Before] = []
    made: list[Path] = []
    try:
        for path, text in texts.items():
            made += _make_folder(path.parent)
            before = _before(path)
            _replace(path, text.encode(), _PRIVATE if path in private else _MODE)
            done.append(before)
    except BaseException:
        for before in reversed(done):
            _restore(before)
        _remove_folders(made)
        raise


def remove_all(paths: Iterable[Path]) -> None:
    """Raises OSError, after which nothing has changed."""
    done: list[_Before] = []
    try:
        for path in paths:
            before = _before(path)
            path.unlink()
            done.append(before)
    except BaseException:
        for before in reversed(done):
            _restore(before)
        raise


def _make_folder(folder: Path) -> list[Path]:
    """The folders that it had to make, the innermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(0o755)
        each.chmod(0o755)  # whatever the umask says
    return missing


def _remove_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _replace(path: Path, content: bytes, mode: int) -> None:
    """Under another name first: nobody reads half of it."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _restore(before: _Before) -> None:
    with contextlib.suppress(OSError):
        if before.content is None:
            before.path.unlink(missing_ok=True)
        else:
            _replace(before.path, before.content, before.mode)
            os.chown(before.path, *before.owner)
