"""The collector that records now: found, verified, asked to end, and what its kernel programs know.

Sources: pidfd_open(2), proc(5), bpf(2).
"""

import contextlib
import os
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
_INFO = struct.Struct("=IIIIII16s")  # the beginning of struct bpf_map_info


class Predecessor:
    """The process `pid`, which is to hold the lock file with this device and number. Raises
    RecordingError if it does not, or cannot hand over."""

    def __init__(self, pid: int, lock_file: tuple[int, int]) -> None:
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

    def _require(self, lock_file: tuple[int, int]) -> None:
        folder = Path(f"/proc/{self.pid}")
        try:
            if not any(_is(fd, lock_file) for fd in (folder / "fd").iterdir()):
                raise RecordingError(f"process {self.pid} is not the collector of this database")
            status = (folder / "status").read_text()
        except OSError as error:
            raise RecordingError(
                f"cannot look at the collector (pid {self.pid}): {error.strerror}: try as root"
            ) from error
        (caught,) = [line[7:] for line in status.splitlines() if line.startswith("SigCgt:")]
        if not int(caught, 16) >> (REQUEST - 1) & 1:
            raise RecordingError(
                f"the collector (pid {self.pid}) is of an older execdb, which cannot hand over: "
                "stop it, then start"
            )

    def images(self) -> Map:
        """The map in which its programs keep the image of each process. Raises RecordingError."""
        for number in set(self._maps()):
            try:
                fd = syscall.map_by_id(number)
                info = _INFO.unpack(syscall.map_info(fd, _INFO.size))
            except OSError as error:
                raise RecordingError(
                    "taking over needs root (or CAP_SYS_ADMIN), to read what the programs of the "
                    f"collector (pid {self.pid}) know: {error.strerror}"
                ) from error
            if info[6].rstrip(b"\0") == _NAME and info[2:4] == (4, IMAGE.size):
                return Map(fd, IMAGE.size)
            os.close(fd)
        raise RecordingError(
            f"the programs of the collector (pid {self.pid}) are of another execdb: stop it, then "
            "start"
        )

    def _maps(self) -> Iterator[int]:
        for path in Path(f"/proc/{self.pid}/fdinfo").iterdir():
            with contextlib.suppress(OSError):
                for line in path.read_text().splitlines():
                    if line.startswith("map_id:"):
                        yield int(line.split()[1])

    def ask(self) -> None:
        """Makes it look whether someone waits."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, REQUEST)

    def close(self) -> None:
        os.close(self._pidfd)


def _is(path: Path, file: tuple[int, int]) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return (status.st_dev, status.st_ino) == file
