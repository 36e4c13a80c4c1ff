"""Whether this process sees the same pids and clocks as the kernel's programs, which live in the
machine's first namespaces (namespaces(7), time_namespaces(7), proc(5))."""

import os
from pathlib import Path

from execdb.collector.decoding.namespaces import FIRST, FIRST_NAMESPACES, Namespaces
from execdb.store.errors import RecordingError

PROC = Path("/proc")


def first_namespaces(proc: Path = PROC) -> Namespaces:
    """Older kernels give that of its mounts any number, which is read from /proc/1. Where it may
    not be read, null stands for none of their mount namespaces."""
    mnt = None if shows_other_pids(proc) else number_of("mnt", proc / "1/ns")
    return FIRST_NAMESPACES._replace(mnt=mnt or FIRST_NAMESPACES.mnt)


def number_of(kind: str, folder: Path | str, dir_fd: int | None = None) -> int | None:
    """The inode number of a namespace of that kind in /proc/PID/ns; None if it may not be read."""
    try:
        link = os.readlink(f"{folder}/{kind}", dir_fd=dir_fd)
        return int(link.removeprefix(f"{kind}:[").removesuffix("]"))
    except (OSError, ValueError):
        return None


def is_first(kind: str, proc: Path = PROC, process: str = "self") -> bool:
    """Whether a process is in the machine's first namespace of that kind; False if that may not be
    read. True on a kernel without namespaces of that kind."""
    try:
        return os.readlink(proc / process / "ns" / kind) == f"{kind}:[{FIRST[kind]}]"
    except FileNotFoundError:
        return (proc / process / "ns").is_dir()
    except OSError:
        return False


def require(proc: Path = PROC) -> None:
    """Raises RecordingError in a user namespace: the kernel loads programs only for processes in
    the first one, whatever capabilities a process has in its own."""
    if not is_first("user", proc):
        raise RecordingError(
            "recording does not work in a user namespace: run it in the machine's own, as root"
        )


def boot_shift_ns(proc: Path = PROC) -> int:
    """How far CLOCK_BOOTTIME is ahead of the kernel's own in this time namespace. Raises
    RecordingError if that cannot be determined."""
    if is_first("time", proc):
        return 0
    try:
        ours, children = (os.readlink(proc / "self/ns" / n) for n in ("time", "time_for_children"))
        text = (proc / "self/timens_offsets").read_text() if ours == children else ""
        for line in text.splitlines():
            name, seconds, nanoseconds = line.split()
            if name in ("boottime", "7"):  # older kernels give the clock's number
                return int(seconds) * 1_000_000_000 + int(nanoseconds)
    except (OSError, ValueError):
        pass
    raise RecordingError(
        "the offset of this time namespace's clocks cannot be read: run outside of it"
    )


def shows_other_pids(proc: Path = PROC) -> bool:
    """Whether the process ids in /proc differ from those of the first PID namespace, which the
    kernel's programs see. /proc shows those of the namespace that it was mounted in."""
    return not (is_first("pid", proc) or is_first("pid", proc, "1"))


def hides_processes(proc: Path = PROC) -> bool:
    """Whether /proc shows this process only some of the others (the mount option hidepid)."""
    return not os.access(proc / "1/stat", os.R_OK)
