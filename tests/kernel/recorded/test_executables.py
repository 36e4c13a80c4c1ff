"""The file that ran, whatever it is called: as stat(2) says."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.recorder import Recorder

TRUE = Path("/usr/bin/true").resolve()
OWN_NAMESPACES = ("unshare", "--user", "--map-root-user", "--mount")


def file_of(path: Path) -> tuple[str, int]:
    """The device of its file system, and its inode. stat(2) gives files of an overlay other devices
    than the overlay has."""
    fd = os.open(path, os.O_PATH)
    try:
        fields = dict(map(str.split, Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()))
        inode = os.fstat(fd).st_ino
    finally:
        os.close(fd)
    mounts = map(str.split, Path("/proc/self/mountinfo").read_text().splitlines())
    return next(line[2] for line in mounts if line[0] == fields["mnt_id:"]), inode


def identity(event: dict[str, Any]) -> tuple[str, int]:
    return event["exe_device"], event["exe_inode"]


@pytest.fixture
def own_true(tmp_path: Path) -> Path:
    path = tmp_path / "own"
    shutil.copy(TRUE, path)
    return path


def test_a_plain_file(recorder: Recorder, own_true: Path) -> None:
    subprocess.run([own_true, "plain-file"], check=True)
    event = recorder.ended("plain-file")
    assert (event["exe"], identity(event)) == (str(own_true), file_of(own_true))
    assert (event["exe_deleted"], event["cwd_deleted"]) == (False, False)
    assert (event["pid_ns"], event["user_ns"], event["ns_pid"]) == (None, None, event["pid"])


def test_a_symbolic_link_is_followed(recorder: Recorder, own_true: Path) -> None:
    link = own_true.with_name("link")
    link.symlink_to(own_true)
    subprocess.run([link, "by-link"], check=True)
    event = recorder.ended("by-link")
    assert (event["filename"], event["exe"]) == (str(link), str(own_true))


def test_of_a_script_the_interpreter(recorder: Recorder, own_true: Path) -> None:
    script, outer = own_true.with_name("script"), own_true.with_name("outer")
    script.write_text(f"#!{own_true} x\n")
    outer.write_text(f"#!{script} y\n")
    for path in (script, outer):
        path.chmod(0o755)
    subprocess.run([outer, "by-script"], check=True)
    event = recorder.ended("by-script")
    assert (event["filename"], event["exe"]) == (str(outer), str(own_true))
    assert identity(event) == file_of(own_true)


def test_a_memfd(recorder: Recorder) -> None:
    fd = os.memfd_create("seven", 0)
    os.write(fd, TRUE.read_bytes())
    subprocess.run([f"/proc/self/fd/{fd}", "in-memory"], check=True, pass_fds=[fd])
    event = recorder.ended("in-memory")
    assert (event["exe"], event["exe_deleted"]) == ("memfd:seven", True)
    assert event["exe_inode"] == os.fstat(fd).st_ino
    os.close(fd)


def test_a_memfd_in_a_mount_namespace_of_its_own(recorder: Recorder) -> None:
    fd = os.memfd_create("eight", 0)
    os.write(fd, TRUE.read_bytes())
    command = [*OWN_NAMESPACES, f"/proc/self/fd/{fd}", "in-memory-there"]
    subprocess.run(command, check=True, pass_fds=[fd])
    event = recorder.ended("in-memory-there")
    assert (event["exe"], event["exe_deleted"]) == ("memfd:eight", True)
    os.close(fd)


def test_a_file_that_was_unlinked(recorder: Recorder, own_true: Path) -> None:
    fd, before = os.open(own_true, os.O_RDONLY), file_of(own_true)
    own_true.unlink()
    subprocess.run([f"/proc/self/fd/{fd}", "unlinked"], check=True, pass_fds=[fd])
    os.close(fd)
    event = recorder.ended("unlinked")
    assert (event["exe"], event["exe_deleted"]) == (str(own_true), True)
    assert identity(event) == before


@pytest.mark.parametrize("call", ["fexecve", "execveat"])
def test_a_file_that_has_no_name_and_is_run_by_its_descriptor(
    recorder: Recorder, programs: Path, own_true: Path, call: str
) -> None:
    before, mark = file_of(own_true), f"nameless-{call}"
    told = subprocess.check_output([programs / "unlinked", call, own_true, mark], text=True)
    event = recorder.ended(mark)
    assert (event["exe"], event["exe_deleted"]) == (str(own_true), True)
    assert identity(event) == (before[0], int(told)) == before
    assert event["filename"].startswith("/dev/fd/")
    assert event["exit_code"] == 0


def test_another_file_under_the_name_of_one_that_runs(
    recorder: Recorder, programs: Path, own_true: Path
) -> None:
    before = file_of(own_true)
    with own_true.open("rb") as file:
        os.unlink(own_true)
        shutil.copy(programs / "nothing", own_true)
        subprocess.run(
            [f"/proc/self/fd/{file.fileno()}", "first"], check=True, pass_fds=[file.fileno()]
        )
    subprocess.run([own_true, "second"], check=True)
    first, second = recorder.ended("first"), recorder.ended("second")
    assert (first["exe_deleted"], identity(first)) == (True, before)
    assert (second["exe_deleted"], identity(second)) == (False, file_of(own_true))
    assert first["exe"] == second["exe"] == str(own_true)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A folder of a file system that is no overlay itself: of one `exe` names the layer."""
    kind = subprocess.check_output(["stat", "-f", "-c", "%T", tmp_path], text=True).strip()
    if kind != "overlayfs":
        yield tmp_path
        return
    subprocess.run(["mount", "-t", "tmpfs", "x", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path], check=True)  # a recorder may still use it


def test_a_bind_mount_does_not_hide_what_runs(recorder: Recorder, disk: Path) -> None:
    own_true = disk / "own"
    shutil.copy(TRUE, own_true)
    script = f"mount --bind {own_true} {TRUE} && {TRUE} bound"
    subprocess.run([*OWN_NAMESPACES, "sh", "-c", script], check=True)
    event = recorder.ended("bound")
    assert (event["filename"], event["exe"]) == (str(TRUE), str(own_true))
    assert identity(event) == file_of(own_true) != file_of(TRUE)
    assert event["user_ns"] is not None
    assert event["mnt_ns"] is not None


def test_a_file_system_that_is_mounted_nowhere_else(recorder: Recorder, tmp_path: Path) -> None:
    inode, point = tmp_path / "inode", tmp_path / "point"
    point.mkdir()
    script = (
        f"mount -t tmpfs x {point} && cp {TRUE} {point}/t && mount --bind {point}/t {TRUE} &&"
        f" stat -c %i {TRUE} > {inode} && {TRUE} elsewhere"
    )
    subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
    event = recorder.ended("elsewhere")
    assert (event["exe"], event["exe_inode"]) == (None, int(inode.read_text()))
    assert event["user_ns"] is None


def test_a_removed_directory(recorder: Recorder, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {TRUE} from-nowhere"
    subprocess.run(["sh", "-c", script], check=True)
    event = recorder.ended("from-nowhere")
    assert (event["cwd"], event["cwd_deleted"]) == (str(gone), True)


def test_a_file_system_over_a_directory_does_not_either(recorder: Recorder) -> None:
    folder = TRUE.parent
    script = f"mount -t tmpfs x /mnt && cp {TRUE} /mnt/true && mount --move /mnt {folder} &&"
    script += f" {TRUE} covered"
    subprocess.run([*OWN_NAMESPACES, "/bin/sh", "-c", script], check=True)
    event = recorder.ended("covered")
    assert (event["filename"], event["exe"]) == (str(TRUE), None)
    assert event["exe_device"] != file_of(TRUE)[0]


def test_nor_does_an_overlay(recorder: Recorder, disk: Path) -> None:
    upper, work = disk / "upper", disk / "work"
    for path in (upper, work):
        path.mkdir()
    shutil.copy(TRUE, upper / TRUE.name)
    layers = f"lowerdir={TRUE.parent},upperdir={upper},workdir={work},userxattr"
    script = f"mount -t overlay x -o {layers} {TRUE.parent} && {TRUE} above &&"
    script += f" {TRUE.parent}/env below"
    subprocess.run([*OWN_NAMESPACES, "/bin/sh", "-c", f"{script} || exit 0"], check=True)
    event = recorder.ended("above")
    assert (event["filename"], event["exe"]) == (str(TRUE), str(upper / TRUE.name))
    assert identity(event) == file_of(upper / TRUE.name) != file_of(TRUE)
    below = recorder.ended("below")
    assert below["exe"] == f"{TRUE.parent}/env"
    assert identity(below) == file_of(TRUE.parent / "env")


def test_a_root_of_its_own(recorder: Recorder, programs: Path, tmp_path: Path) -> None:
    path = tmp_path / "nothing"
    shutil.copy(programs / "nothing", path)
    subprocess.run(["chroot", tmp_path, "/nothing", "within-a-root"], check=True)
    event = recorder.ended("within-a-root")
    assert (event["filename"], event["exe"]) == ("/nothing", str(path))
    assert identity(event) == file_of(path)


def test_a_mount_of_the_machines_own(recorder: Recorder, tmp_path: Path) -> None:
    """In the first mount namespace the path is the one that people see."""
    own = tmp_path / "true"
    subprocess.run(["mount", "-t", "tmpfs", "x", tmp_path], check=True)
    try:
        shutil.copy(TRUE, own)
        subprocess.run([own, "on-tmpfs"], check=True)
        wanted = str(own), file_of(own)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    event = recorder.ended("on-tmpfs")
    assert (event["exe"], identity(event)) == wanted


def test_a_directory_that_was_moved_and_removed_since(recorder: Recorder, tmp_path: Path) -> None:
    """What is recorded is the path at the exec."""
    folder = tmp_path / "a"
    folder.mkdir()
    shutil.copy(TRUE, folder / "t")
    subprocess.run([folder / "t", "moved-later"], check=True)
    folder.rename(tmp_path / "b")
    event = recorder.ended("moved-later")
    assert (event["exe"], event["exe_deleted"]) == (str(folder / "t"), False)


def test_terms_choose_by_the_file(recorder: Recorder, own_true: Path) -> None:
    subprocess.run([own_true, "by-terms"], check=True)
    event = recorder.ended("by-terms")
    for term in (f"exe={own_true.parent}/*", f"exe_inode={event['exe_inode']}", "cpu=..10s"):
        assert event in recorder.events("exe_deleted=false", term, "--arg", "by-terms")
    assert not recorder.events("exe_deleted=true", "--arg", "by-terms")
