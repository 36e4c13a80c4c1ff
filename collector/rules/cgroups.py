"""Control groups by path: the kernel knows them by the inode number of their folder."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from execdb.collector.rules.compile import Pattern

CGROUPS_MAX = 2_048  # that a pattern may stand for
_INITIAL = "cgroup:[4026531835]"  # the first namespace (include/linux/proc_ns.h)


def cgroup_folder() -> bytes | None:
    """Where the version 2 hierarchy is mounted. None if it is not, or if this process sees only a
    part of it."""
    try:
        if os.readlink("/proc/self/ns/cgroup") != _INITIAL:
            return None
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return None
    return next(_roots(mounts), None)


def _roots(mounts: Iterable[bytes]) -> Iterator[bytes]:
    """Of lines of /proc/PID/mountinfo (proc(5)) the mount points of whole hierarchies."""
    for line in mounts:
        before, _, behind = line.partition(b" - ")
        _, _, _, root, folder, *_ = before.split(b" ")
        if behind.startswith(b"cgroup2 ") and root == b"/":
            yield folder.decode("unicode_escape").encode("latin-1")


def ids_of(pattern: Pattern, folder: bytes | None) -> list[int]:
    """The control groups below which a pattern holds; none if they are not there. Of more than
    CGROUPS_MAX one too many, so that it can be told. `folder` is where the hierarchy is."""
    if folder is None:
        return []
    try:
        if not pattern.prefix or pattern.raw in (b"", b"/"):
            return [os.stat(folder + (pattern.raw or b"/")).st_ino]
        parent, _, begin = pattern.raw.rpartition(b"/")
        return list(_children(folder + parent, begin))
    except OSError:
        return []


def _children(parent: bytes, begin: bytes) -> Iterator[int]:
    with os.scandir(parent) as found:
        number = 0
        for entry in found:
            if entry.name.startswith(begin) and entry.is_dir(follow_symlinks=False):
                yield entry.inode()
                number += 1
                if number > CGROUPS_MAX:
                    return
