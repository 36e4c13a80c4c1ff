"""Namespaces of one's own: what is put right, and what is refused."""

from pathlib import Path

import pytest

from execdb.collector.running.namespaces import (
    boot_shift_ns,
    hides_processes,
    is_first,
    require,
    shows_other_pids,
)
from execdb.store.errors import RecordingError

FIRST = {"cgroup": 4026531835, "pid": 4026531836, "user": 4026531837, "time": 4026531834}


def a_proc(folder: Path, process: str = "self", **inodes: int) -> Path:
    """A folder like /proc, in which a process has these namespaces."""
    for kind, inode in (
        {**FIRST, "time_for_children": inodes.get("time", FIRST["time"])} | inodes
    ).items():
        link = folder / process / "ns" / kind
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(f"{kind.removesuffix('_for_children')}:[{inode}]")
    return folder


def test_the_first_ones_of_this_machine_are_known() -> None:
    """Tests run in a container, if they do: then in no user namespace but the first."""
    require()
    assert {kind for kind in FIRST if is_first(kind)} >= {"user"}


def test_a_kernel_without_namespaces_of_a_kind(tmp_path: Path) -> None:
    proc = a_proc(tmp_path)
    (proc / "self/ns/time").unlink()
    assert is_first("time", proc)
    assert boot_shift_ns(proc) == 0


def test_no_program_can_be_loaded_from_a_user_namespace(tmp_path: Path) -> None:
    require(a_proc(tmp_path / "first"))
    with pytest.raises(RecordingError, match="user namespace"):
        require(a_proc(tmp_path / "own", user=4026532201))


@pytest.mark.parametrize(
    ("text", "shift_ns"),
    [
        ("monotonic           0         0\nboottime        86400         7\n", 86_400_000_000_007),
        ("monotonic        1009         0\nboottime          -23 100000000\n", -22_900_000_000),
        ("1 0 0\n7 23 0\n", 23_000_000_000),
    ],
)
def test_how_far_boot_time_is_ahead(tmp_path: Path, text: str, shift_ns: int) -> None:
    proc = a_proc(tmp_path, time=4026532177)
    (proc / "self/timens_offsets").write_text(text)
    assert boot_shift_ns(proc) == shift_ns


def test_a_time_namespace_that_does_not_tell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="time namespace"):
        boot_shift_ns(a_proc(tmp_path / "silent", time=4026532177))
    proc = a_proc(tmp_path / "of children", time=4026532177, time_for_children=4026532178)
    (proc / "self/timens_offsets").write_text("boottime 86400 0\n")
    with pytest.raises(RecordingError, match="time namespace"):
        boot_shift_ns(proc)


def test_whose_process_ids_proc_shows(tmp_path: Path) -> None:
    assert not shows_other_pids(a_proc(tmp_path / "first"))
    own = a_proc(a_proc(tmp_path / "own", pid=4026532300), "1", pid=4026532300)
    assert shows_other_pids(own)
    of_the_machine = a_proc(a_proc(tmp_path / "machine", pid=4026532300), "1")
    assert not shows_other_pids(of_the_machine)


def test_hidden_processes(tmp_path: Path) -> None:
    assert hides_processes(tmp_path)
    (tmp_path / "1").mkdir()
    (tmp_path / "1/stat").touch()
    assert not hides_processes(tmp_path)
