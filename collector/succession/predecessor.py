"""The collector that records now: found, verified, asked to end, and what its kernel programs know.

Its descriptors are not copied but for one of a map: closing a copy of one of the database would
release the locks that this process itself has on it (fcntl(2)).

Sources: pidfd_open(2), pidfd_getfd(2), pidfd_send_signal(2), proc(5), bpf(2).
"""

import contextlib
import os
import re
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

from execdb.bpf import syscall
from execdb.bpf.map import Map
from execdb.bpf.wire import IMAGE
from execdb.store.errors import RecordingError

REQUEST = signal.SIGUSR1
_NAME = b"images"
_MAP = re.compile(r"^map_id:\t(\d+)$", re.MULTILINE)
_INFO = struct.Struct("=IIIIII16s")  # the beginning of struct bpf_map_info


class Predecessor:
    """The process `pid`, which is to hold a lock on this file, named as in proc(5). Raises
    RecordingError if it does not, or cannot hand over."""

    def __init__(self, pid: int, lock_file: str) -> None:
        self.pid = pid
        try:
            self._pidfd = os.pidfd_open(pid)  # from here on no other process can be meant
        except OSError as error:
            raise RecordingError(
                f"cannot reach the collector (pid {pid}): {error.strerror}"
            ) from error
        try:
            self._require(lock_file)
        except BaseException:
            self.close()
            raise

    def _require(self, lock_file: str) -> None:
        try:
            status = Path(f"/proc/{self.pid}/status").read_text()
            is_it = any(f" {lock_file} " in told for _, told in self._descriptors())
            signal.pidfd_send_signal(self._pidfd, 0)
        except OSError as error:
            raise self._refused(error) from error
        if not is_it:
            raise RecordingError(f"process {self.pid} is not the collector of this database")
        (caught,) = [line[7:] for line in status.splitlines() if line.startswith("SigCgt:")]
        if not int(caught, 16) >> (REQUEST - 1) & 1:
            raise RecordingError(
                f"the collector (pid {self.pid}) is of an older execdb, which cannot hand over: "
                "stop it, then start"
            )

    def _refused(self, error: OSError) -> RecordingError:
        return RecordingError(
            "taking over needs root, or CAP_SYS_PTRACE and the same user, to read what the "
            f"programs of the collector (pid {self.pid}) know: {error.strerror}"
        )

    def images(self) -> Map:
        """The map in which its programs keep the image of each process. Raises RecordingError."""
        try:
            for number, told in self._descriptors():
                if (found := _MAP.search(told)) is None:
                    continue
                fd = self._open_map(number, int(found[1]))
                info = _INFO.unpack(syscall.map_info(fd, _INFO.size))
                if info[6].rstrip(b"\0") == _NAME and info[2:4] == (4, IMAGE.size):
                    return Map(fd, IMAGE.size)
                os.close(fd)
        except OSError as error:
            raise self._refused(error) from error
        raise RecordingError(
            f"the programs of the collector (pid {self.pid}) are of another execdb: stop it, then "
            "start"
        )

    def _open_map(self, number: int, map_id: int) -> int:
        """By its id, which needs CAP_SYS_ADMIN, or else as a copy of the other one's descriptor,
        which needs the right to trace it."""
        try:
            return syscall.map_by_id(map_id)
        except PermissionError:
            return syscall.descriptor_of(self._pidfd, number)

    def _descriptors(self) -> Iterator[tuple[int, str]]:
        """The number of each, and what the kernel tells about it."""
        for path in Path(f"/proc/{self.pid}/fdinfo").iterdir():
            with contextlib.suppress(FileNotFoundError):
                yield int(path.name), path.read_text()

    def ask(self) -> None:
        """Makes it look whether someone waits."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, REQUEST)

    def close(self) -> None:
        os.close(self._pidfd)
