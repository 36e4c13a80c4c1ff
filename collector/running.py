"""The programs that run already, as /proc tells of them (proc_pid_stat(5) and its neighbours)."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from execdb.bpf.wire import UNSET
from execdb.store.event import Command, Creds, Exec, Place, Start, text_of

_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def running_images(clock_offset_ns: int, proc: Path = Path("/proc")) -> Sequence[Exec]:
    """Every process with a program of its own (not the kernel's threads), where it is still there
    when it is looked at. `parent` is the parent process of now."""
    found: dict[int, Exec] = {}
    for folder in proc.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError, KeyError):
                image = _image(folder, clock_offset_ns)
                found[image.pid] = image
    return [_with_parent(image, found) for image in found.values() if image.command.argv]


def _with_parent(image: Exec, found: dict[int, Exec]) -> Exec:
    parent = found.get(image.ppid)
    return image._replace(parent=(parent.boot_ns, parent.pid) if parent else None)


def _image(folder: Path, clock_offset_ns: int) -> Exec:
    raw = (folder / "stat").read_bytes()
    comm = raw[raw.index(b"(") + 1 : raw.rindex(b")")]
    fields = raw[raw.rindex(b")") + 2 :].split()
    boot_ns = int(fields[19]) * _TICK_NS  # starttime
    argv = (folder / "cmdline").read_bytes().split(b"\0")[:-1]
    with_path = text_of(os.readlink(bytes(folder / "exe"))) if argv else ""
    command = Command(with_path, text_of(comm), tuple(map(text_of, argv)), len(argv), False)
    place = Place(text_of(os.readlink(bytes(folder / "cwd"))) if argv else None, _cgroup(folder))
    return Exec(
        time_ns=boot_ns + clock_offset_ns,
        boot_ns=boot_ns,
        pid=int(folder.name),
        ppid=int(fields[1]),
        start=Start(_creds(folder), command, place, None),
        parent=None,
        replaces=False,
        errno=None,
    )


def _creds(folder: Path) -> Creds:
    status = dict(_fields((folder / "status").read_bytes()))
    uid, euid, *_ = map(int, status[b"Uid"].split())
    gid = int(status[b"Gid"].split()[0])
    return Creds(
        uid, euid, gid, _audit(folder / "loginuid"), _audit(folder / "sessionid"), None, ""
    )


def _fields(status: bytes) -> Iterator[tuple[bytes, bytes]]:
    for line in status.splitlines():
        name, _, value = line.partition(b":")
        yield name, value


def _audit(path: Path) -> int | None:
    try:
        value = int(path.read_text())
    except OSError:  # a kernel without audit
        return None
    return None if value == UNSET else value


def _cgroup(folder: Path) -> str | None:
    """The version 2 hierarchy is number 0 (cgroups(7))."""
    for line in (folder / "cgroup").read_bytes().splitlines():
        if line.startswith(b"0::"):
            return text_of(line[3:])
    return None
