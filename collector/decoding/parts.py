"""The parts of a record that recur, each from its bytes (bpf/c/execdb.h)."""

import re
import struct

from execdb.bpf import wire
from execdb.collector.decoding.container import container_of
from execdb.collector.decoding.executable import Executable, executable
from execdb.collector.decoding.mounts import MountsOf
from execdb.collector.decoding.namespaces import FIRST_NAMESPACES, Namespaces
from execdb.store.event import Creds, Place, text_of

CREDS = struct.Struct("=IIIII16s12sI")
NAMESPACES = struct.Struct("=IIII")  # pid_ns, mnt_ns, user_ns, cwd_deleted
FILE = struct.Struct("=QIII4x")  # exe_inode, exe_device, exe_flags, exe_len
COMM_SIZE = 16


class BadRecord(ValueError):
    """The bytes are not a record as the kernel's program writes them."""


def parse_creds(raw: bytes) -> Creds:
    """The bytes of `CREDS`: the members of a record from `uid` to `config_generation`."""
    uid, euid, gid, loginuid, sessionid, tty, message, generation = CREDS.unpack(raw)
    return Creds(
        uid,
        euid,
        gid,
        None if loginuid == wire.UNSET else loginuid,
        None if sessionid == wire.UNSET else sessionid,
        _tty_name(text_of(tty.partition(b"\0")[0])),
        text_of(message.partition(b"\0")[0]),
        generation,
    )


def _tty_name(name: str) -> str | None:
    """The name as ps(1) shows it: the kernel calls pts/3 `pts3`."""
    return re.sub(r"^pts(?=\d)", "pts/", name) or None


def parse_place(raw: bytes, first: Namespaces = FIRST_NAMESPACES) -> Place:
    """The bytes are numbers of namespaces and whether the current directory was removed; and the
    names of two paths, each from the last to the first, with an empty name between them. Raises
    BadRecord."""
    pid_ns, mnt_ns, user_ns, deleted = NAMESPACES.unpack_from(raw)
    own = first.others(pid_ns, mnt_ns, user_ns)
    raw = raw[NAMESPACES.size :]
    if not raw:
        return Place(None, None, False, None, *own)
    names = raw.split(b"\0")  # the last one is empty, after the last NUL
    try:
        middle = names.index(b"")
    except ValueError:
        raise BadRecord("no end of the current directory") from None
    cgroup = _path(names[middle + 1 : -1])
    return Place(_path(names[:middle]), cgroup, deleted != 0, container_of(cgroup), *own)


def parse_file(raw: bytes, mounts_of: MountsOf) -> Executable:
    """The bytes of `FILE`, and the names of the path from the last to the first."""
    inode, device, flags, _ = FILE.unpack_from(raw)
    return executable(device, inode, flags, raw[FILE.size :], mounts_of)


def _path(names: list[bytes]) -> str:
    return "/" + text_of(b"/".join(reversed(names)))


def parse_program(raw: bytes) -> tuple[str, str]:
    """(comm, filename)"""
    return (
        text_of(raw[:COMM_SIZE].partition(b"\0")[0]),
        text_of(raw[COMM_SIZE:].partition(b"\0")[0]),
    )
