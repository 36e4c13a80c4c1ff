"""Where file systems are mounted (proc_pid_mountinfo(5)), as the machine's first process has it.

The path of an executable in a bind mount, or in a mount namespace of its own, ends at the root of
the file's own file system: see bpf/c/executable.h. It continues where that is mounted.
"""

import os
import select
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from execdb.store.event import text_of

FILES = (Path("/proc/1/mountinfo"), Path("/proc/self/mountinfo"))  # the first that may be read
_BYTES_MAX = 4 << 20


class Mount(NamedTuple):
    """Where a directory of a file system, `root`, is mounted."""

    root: bytes
    point: bytes


MountsOf = Callable[[str], Sequence[Mount]]  # by `MAJOR:MINOR`


class Mounts:
    """The mounts by their device. The file is opened at once: afterwards it takes no privileges."""

    def __init__(self, files: Sequence[Path] = FILES) -> None:
        self._fd = _opened(files)
        self._changes = select.poll()
        self._known: dict[str, list[Mount]] = {}
        if self._fd is not None:
            self._changes.register(self._fd, select.POLLPRI)
            self._read(self._fd)

    def of(self, device: str) -> Sequence[Mount]:
        """Those of a device; none if they cannot be read."""
        return self._known.get(device, ())

    def look(self) -> bool:
        """Reads them again if they have changed, and says whether they have."""
        if self._fd is None or not self._changes.poll(0):
            return False
        self._read(self._fd)
        return True

    def _read(self, fd: int) -> None:
        raw = b""
        try:
            os.lseek(fd, 0, os.SEEK_SET)
            while len(raw) < _BYTES_MAX and (more := os.read(fd, 1 << 16)):
                raw += more
        except OSError:
            raw = b""
        self._known = mounts_in(raw)

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _opened(files: Sequence[Path]) -> int | None:
    for file in files:
        try:
            return os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
    return None


def mounts_in(mountinfo: bytes) -> dict[str, list[Mount]]:
    """The mounts by their device, as `MAJOR:MINOR`."""
    found: dict[str, list[Mount]] = {}
    for line in mountinfo.splitlines():
        fields = line.split(b" ", 5)
        if len(fields) == 6:
            mount = Mount(_unescaped(fields[3]), _unescaped(fields[4]))
            found.setdefault(text_of(fields[2]), []).append(mount)
    return found


def _unescaped(field: bytes) -> bytes:
    for raw in (b" ", b"\t", b"\n", b"\\"):
        field = field.replace(b"\\%03o" % raw[0], raw)
    return field
