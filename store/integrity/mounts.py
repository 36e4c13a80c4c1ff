"""Checks whether something was mounted over a file, or a mount with the file was removed. The
kernel's list of mounts needs no rights on the folders of the path (proc_pid_mountinfo(5))."""

import os
import re
import select
from pathlib import Path

_ESCAPED = re.compile(rb"\\([0-7]{3})")  # spaces and backslashes, in octal


class MountChanges:
    """Whether anything is mounted or unmounted anywhere, from construction to `close`. `fd` is for
    waiting, with POLLPRI: each poll takes the news from it, so `changed` has a descriptor of its
    own. Raises OSError."""

    def __init__(self) -> None:
        self.fd, self._own = _open(), _open()
        self._poll = select.poll()
        self._poll.register(self._own, select.POLLPRI)

    def changed(self) -> bool:
        """Since the last call."""
        return bool(self._poll.poll(0))

    def close(self) -> None:
        os.close(self.fd)
        os.close(self._own)


class Mounts:
    """The mounts on the path of a file, from construction to `close`. Raises OSError."""

    def __init__(self, real: Path) -> None:
        parts = [os.fsencode(part) for part in (*real.parents, real)]
        self._names = set(parts)
        self._fd = _open()
        self._changes = select.poll()
        self._changes.register(self._fd, select.POLLPRI)
        self._before = self._read()

    def changed(self) -> bool:
        """Whether they are others than before. Costs one system call while nothing is mounted or
        unmounted anywhere."""
        return bool(self._changes.poll(0)) and self._read() != self._before

    def _read(self) -> list[bytes]:
        """The ids of the mounts whose mount point is on the path."""
        os.lseek(self._fd, 0, os.SEEK_SET)
        pieces = []
        while piece := os.read(self._fd, 1 << 16):
            pieces.append(piece)
        lines = [line.split() for line in b"".join(pieces).splitlines()]
        return [words[0] for words in lines if len(words) > 4 and self._is_on_the_path(words[4])]

    def _is_on_the_path(self, point: bytes) -> bool:
        return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), point) in self._names

    def close(self) -> None:
        os.close(self._fd)


def _open() -> int:
    return os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
