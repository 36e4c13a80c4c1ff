"""Where file systems are mounted."""

from contextlib import closing
from pathlib import Path

from execdb.collector.decoding.mounts import Mount, Mounts, mounts_in


def test_mounts_are_read_as_the_kernel_writes_them() -> None:
    line = rb"36 35 98:0 /mnt1 /a\040b\134 rw,noatime master:1 - ext3 /dev/root rw"
    assert mounts_in(line + b"\nshort line\n") == {"98:0": [Mount(b"/mnt1", b"/a b\\")]}


def test_the_mounts_of_this_machine_have_a_root() -> None:
    known = mounts_in(Path("/proc/self/mountinfo").read_bytes())
    (device,) = [key for key, found in known.items() if Mount(b"/", b"/") in found][:1]
    with closing(Mounts()) as mounts:
        assert Mount(b"/", b"/") in mounts.of(device)
        assert not mounts.of("no:device")
        assert not mounts.look()


def test_the_first_file_that_may_be_read_is_read(tmp_path: Path) -> None:
    file = tmp_path / "mountinfo"
    file.write_text("1 0 8:1 / / rw - ext4 x rw\n")
    with closing(Mounts([tmp_path / "missing", file])) as mounts:
        assert mounts.of("8:1") == [Mount(b"/", b"/")]


def test_mounts_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    with closing(Mounts([tmp_path / "missing"])) as mounts:
        assert not mounts.of("8:1")
        assert not mounts.look()
