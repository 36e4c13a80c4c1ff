"""Files are written or removed together: if one cannot be, those before it are as they were."""

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

_MODE = 0o644


def write_all(texts: Mapping[Path, str]) -> None:
    """Raises OSError, after which nothing has changed."""
    done: list[tuple[Path, bytes | None]] = []
    made: list[Path] = []
    try:
        for path, text in texts.items():
            made += _make_folder(path.parent)
            before = path.read_bytes() if path.exists() else None
            _replace(path, text.encode())
            done.append((path, before))
    except BaseException:
        for path, before in reversed(done):
            _restore(path, before)
        _remove_folders(made)
        raise


def remove_all(paths: Iterable[Path]) -> None:
    """Raises OSError, after which nothing has changed."""
    done: list[tuple[Path, bytes]] = []
    try:
        for path in paths:
            before = path.read_bytes()
            path.unlink()
            done.append((path, before))
    except BaseException:
        for path, before in reversed(done):
            _restore(path, before)
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


def _replace(path: Path, content: bytes) -> None:
    """Under another name first: nobody reads half of it."""
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(fd, _MODE)
            os.fsync(fd)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def _restore(path: Path, before: bytes | None) -> None:
    with contextlib.suppress(OSError):
        if before is None:
            path.unlink(missing_ok=True)
        else:
            _replace(path, before)
