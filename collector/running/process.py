"""One process, read from /proc (proc_pid_stat(5) and its neighbours). What is read is bounded,
because the process makes it, and it may be anyone's."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from execdb.bpf.wire import UNSET
from execdb.collector.decoding.container import container_of
from execdb.collector.decoding.executable import NO_EXECUTABLE, Executable
from execdb.collector.decoding.namespaces import FIRST_NAMESPACES, Namespaces
from execdb.collector.running.namespaces import number_of
from execdb.store.event import Command, Creds, Exec, Place, Start, text_of

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
CMDLINE_MAX = 48 << 10  # bytes kept, as the kernel's program keeps them
CMDLINE_CUT = 256  # bytes kept beyond the budget of its user
_STAT_MAX = 4_096
_STATUS_MAX = 4_096  # what is read precedes the list of groups, which may be long
_WHOLE_STATUS_MAX = 1 << 20  # 65,536 groups at most
_CGROUP_MAX = 65_536
_KERNEL_THREAD = 0x00200000  # PF_KTHREAD (linux/sched.h)
_ADDRESSES = (23, 25, 45)  # startcode, startstack, arg_start: each exec sets them at random


class Process(NamedTuple):
    """Identifies a process and the program that it runs. `program` is equal in two readings as long
    as the process has not exec'd."""

    pid: int
    ppid: int
    start_ns: int  # boot time, as coarse as a clock tick
    comm: str
    program: int


@contextlib.contextmanager
def opened(proc: str, pid: int) -> Iterator[int]:
    """A descriptor of the folder of a process: reading through it gives this process or an error,
    even if another process gets its pid. Raises OSError."""
    folder = os.open(f"{proc}/{pid}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def read(folder: int, name: str, most: int) -> bytes:
    """The first `most` bytes of a file, which /proc returns in one read. Raises OSError."""
    file = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        return os.read(file, most)
    finally:
        os.close(file)


def process(folder: int, pid: int, shift_ns: int) -> Process | None:
    """What runs there; None for a kernel thread or a dead process. `shift_ns` is how far boot time
    is ahead in this time namespace. Raises OSError, ValueError or IndexError if it cannot be
    read."""
    raw = read(folder, "stat", _STAT_MAX)
    comm = raw[raw.index(b"(") + 1 : raw.rindex(b")")]
    fields = raw[raw.rindex(b")") + 2 :].split()
    dead = fields[0] in (b"Z", b"X") and int(fields[17]) <= 1  # a first thread may end alone
    if dead or int(fields[6]) & _KERNEL_THREAD:
        return None
    addresses = [fields[place] for place in _ADDRESSES]
    # The kernel shows 0 and 1 to a reader without the right to know the addresses.
    known = len(addresses[1]) > 1
    program = (
        hash(tuple(addresses)) if known else hash((comm, read(folder, "cmdline", CMDLINE_MAX)))
    )
    return Process(
        pid, int(fields[1]), _start_ns(int(fields[19]), shift_ns), text_of(comm), program
    )


def _start_ns(ticks: int, shift_ns: int) -> int:
    """0 for a process older than the time namespace's zero, where the kernel's number wraps."""
    start_ns = (ticks * TICK_NS - shift_ns) % (1 << 64)
    return start_ns if start_ns < 1 << 63 else 0


def image_of(
    folder: int,
    process: Process,
    offset_ns: int,
    allowed: Callable[[int, int], bool],
    first: Namespaces = FIRST_NAMESPACES,
    *,
    cgroups: bool = True,
) -> Exec:
    """The image that a process runs; what may not be read is empty or None. `offset_ns` is
    CLOCK_REALTIME - CLOCK_BOOTTIME; `allowed(uid, size_bytes)` says whether the arguments may be
    kept whole; `first` are the namespaces of the machine's first process. Raises OSError,
    ValueError or LookupError if the process has ended."""
    creds = _creds(folder)
    raw = read(folder, "cmdline", CMDLINE_MAX + 1)
    cut = len(raw) > CMDLINE_MAX
    raw = raw[:CMDLINE_MAX]
    if len(raw) > CMDLINE_CUT and not allowed(creds.uid, weight(raw)):
        raw, cut = raw[:CMDLINE_CUT], True
    argv = tuple(text_of(raw.removesuffix(b"\0")).split("\0")) if raw else ()
    filename = _link(folder, "exe") or ""
    command = Command(filename, process.comm, argv, len(argv), cut, *_executable(folder, filename))
    cgroup = _cgroup(folder) if cgroups else None
    cwd, cwd_deleted = _cwd(folder)
    numbers = [number_of(kind, "ns", folder) or 0 for kind in Namespaces._fields]
    own = first.others(*numbers)
    place = Place(cwd, cgroup, cwd_deleted, container_of(cgroup), *own)
    return Exec(
        time_ns=process.start_ns + offset_ns,
        boot_ns=process.start_ns,
        pid=process.pid,
        ppid=process.ppid,
        start=Start(creds, command, place, None),
        parent=None,
        replaces=False,
        errno=None,
        ns_pid=_ns_pid(folder, process.pid) if own[0] is not None else None,
    )


def weight(raw: bytes) -> int:
    """Bytes that arguments take in a database: their text, and a number for each."""
    return len(raw) + 8 * raw.count(0)


def _creds(folder: int) -> Creds:
    found = _IDS.search(read(folder, "status", _STATUS_MAX))
    if found is None:
        raise ValueError("a process without ids")
    uid, euid, gid = map(int, found.groups())
    loginuid, sessionid = _audit(folder, "loginuid"), _audit(folder, "sessionid")
    return Creds(uid, euid, gid, loginuid, sessionid, None, "")


_IDS = re.compile(rb"^Uid:\s(\d+)\s(\d+)\s.*\nGid:\s(\d+)\s", re.MULTILINE)


def _audit(folder: int, name: str) -> int | None:
    try:
        value = int(read(folder, name, 32))
    except (OSError, ValueError):  # a kernel without audit
        return None
    return None if value == UNSET else value


def _link(folder: int, name: str) -> str | None:
    try:
        return text_of(os.readlink(name.encode(), dir_fd=folder))
    except OSError:  # no right to read it, or there is none
        return None


def _cwd(folder: int) -> tuple[str | None, bool]:
    """The current directory, and whether it was removed, which the kernel adds to its path."""
    path = _link(folder, "cwd")
    if path is not None and path.endswith(_DELETED):
        with contextlib.suppress(OSError):
            if os.stat("cwd", dir_fd=folder).st_nlink == 0:
                return path.removesuffix(_DELETED), True
    return path, False


_DELETED = " (deleted)"


def _executable(folder: int, link: str) -> Executable:
    """The file that runs. Its path is known where it leads to that file, or where it was removed
    and the kernel says so; a process in another mount namespace may have another file there."""
    try:
        status = os.stat("exe", dir_fd=folder)
    except OSError:
        return NO_EXECUTABLE
    device = f"{os.major(status.st_dev)}:{os.minor(status.st_dev)}"
    deleted = status.st_nlink == 0
    exe: str | None = None
    if deleted:
        if link.endswith(_DELETED):
            exe = re.sub("^/(?=memfd:)", "", link.removesuffix(_DELETED))
    else:
        with contextlib.suppress(OSError, ValueError):
            exe = link if os.path.samestat(os.stat(link), status) else None
    return Executable(exe, device, status.st_ino, deleted)


def _ns_pid(folder: int, pid: int) -> int | None:
    """The pid in the process's own PID namespace; None if it equals `pid`. Raises OSError."""
    found = _NS_PID.search(read(folder, "status", _WHOLE_STATUS_MAX))
    own = pid if found is None else int(found[1])
    return None if own == pid else own


_NS_PID = re.compile(rb"^NStgid:.*\s(\d+)$", re.MULTILINE)


def _cgroup(folder: int) -> str | None:
    """The path in the version 2 hierarchy, which has the number 0 (cgroups(7))."""
    with contextlib.suppress(OSError):
        for line in read(folder, "cgroup", _CGROUP_MAX).splitlines():
            if line.startswith(b"0::"):
                return text_of(line[3:])
    return None
