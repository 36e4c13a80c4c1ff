"""The file that runs: its path, device and inode, from what the kernel's program has copied."""

from collections.abc import Sequence
from typing import NamedTuple

from execdb.bpf import wire
from execdb.collector.decoding.mounts import Mount, MountsOf
from execdb.store.event import text_of

_INODE_MAX = (1 << 63) - 1  # SQLite's integers are signed
_CUT = b"..."


class Executable(NamedTuple):
    """The keys `exe`, `exe_device`, `exe_inode` and `exe_deleted`."""

    exe: str | None
    exe_device: str | None
    exe_inode: int | None
    exe_deleted: bool


NO_EXECUTABLE = Executable(None, None, None, False)


def executable(
    device: int, inode: int, flags: int, names: bytes, mounts_of: MountsOf
) -> Executable:
    """`device` is the kernel's dev_t, `names` are those of the path from the last to the first."""
    if not inode:
        return NO_EXECUTABLE
    numbers = f"{device >> 20}:{device & 0xFFFFF}"
    path = _path(names.split(b"\0")[:-1], flags, numbers, mounts_of)
    return Executable(
        None if path is None else text_of(path),
        numbers,
        inode if inode <= _INODE_MAX else None,
        flags & wire.EXE_DELETED != 0,
    )


def _path(names: list[bytes], flags: int, device: str, mounts_of: MountsOf) -> bytes | None:
    if not names:
        return None
    if flags & wire.EXE_NAMELESS:
        return names[0] if names[0].startswith(b"memfd:") else None
    path = b"/" + b"/".join(reversed(names))
    if not flags & wire.EXE_BOUND:
        return path
    return None if names[-1] == _CUT else _mounted(path, mounts_of(device))


def _mounted(path: bytes, mounts: Sequence[Mount]) -> bytes | None:
    """A path within a file system, seen from where the most of that is mounted."""
    for root, point in sorted(mounts, key=lambda mount: len(mount.root)):
        below = root.rstrip(b"/")
        if path.startswith(below + b"/"):
            return point.rstrip(b"/") + path[len(below) :]
    return None
