"""The file that runs, from what the kernel's program has copied."""

import pytest

from execdb.bpf.wire import EXE_BOUND, EXE_DELETED, EXE_NAMELESS
from execdb.collector.decoding.executable import NO_EXECUTABLE, Executable, executable
from execdb.collector.decoding.mounts import Mount

DEVICE = 253 << 20 | 1


def path_of(names: bytes, flags: int, *mounts: Mount) -> str | None:
    return executable(DEVICE, 7, flags, names, lambda device: list(mounts)).exe


def test_a_file_has_its_path_device_and_inode() -> None:
    found = executable(DEVICE, 1009, EXE_DELETED, b"tru\xff\0bin\0", lambda device: [])
    assert found == Executable("/bin/tru\udcff", "253:1", 1009, True)


def test_nothing_is_known_of_an_attempt() -> None:
    assert executable(0, 0, 0, b"", lambda device: []) == NO_EXECUTABLE


def test_an_inode_beyond_what_sqlite_holds_is_not_known() -> None:
    assert executable(DEVICE, 1 << 63, 0, b"x\0", lambda device: []).exe_inode is None


@pytest.mark.parametrize(
    ("names", "flags", "path"),
    [
        (b"memfd:x\0", EXE_NAMELESS | EXE_DELETED, "memfd:x"),
        (b"other\0", EXE_NAMELESS, None),
        (b"", 0, None),
        (b"a\0...\0", 0, "/.../a"),
        (b"a\0...\0", EXE_BOUND, None),
    ],
)
def test_a_path_that_cannot_be_told_is_null(names: bytes, flags: int, path: str | None) -> None:
    assert path_of(names, flags, Mount(b"/", b"/x")) == path


@pytest.mark.parametrize(
    ("mounts", "path"),
    [
        ([Mount(b"/", b"/")], "/usr/evil"),
        ([Mount(b"/", b"/data")], "/data/usr/evil"),
        ([Mount(b"/usr", b"/far"), Mount(b"/", b"/data")], "/data/usr/evil"),
        ([Mount(b"/usr", b"/far")], "/far/evil"),
        ([Mount(b"/us", b"/far")], None),
        ([], None),
    ],
)
def test_a_bound_file_is_named_where_its_file_system_is_mounted(
    mounts: list[Mount], path: str | None
) -> None:
    assert path_of(b"evil\0usr\0", EXE_BOUND, *mounts) == path
