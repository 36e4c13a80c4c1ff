"""Namespaces and containers: as /proc and the cgroup's name say."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.kernel.recorder import Recorder, wait_for
from tests.processes.process import Process

ID = "4f6e" * 16
CGROUPS = {
    "docker": (f"system.slice/docker-{ID}.scope", ID),
    "docker-cgroupfs": (f"docker/{ID}", ID),
    "podman": (f"machine.slice/libpod-{ID}.scope/container", ID),
    "containerd": (f"kubepods.slice/kubepods-pod1_2.slice/cri-containerd-{ID}.scope", ID),
    "cri-o": (f"kubepods.slice/kubepods-pod1_2.slice/crio-{ID}.scope", ID),
    "lxc": ("lxc.payload.web-1/init.scope", "web-1"),
    "nspawn": ("machine.slice/systemd-nspawn@web.service/payload", "web"),
    "none": ("system.slice/docker.service", None),
}


@pytest.fixture
def root() -> Iterator[Path]:
    """A control group in the version 2 hierarchy, and what was made in it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    top = next(Path(fields[1]) for fields in mounts if fields[2] == "cgroup2")
    folder = top / f"execdb-test-{os.getpid()}"
    folder.mkdir()
    yield folder
    for path, _, _ in os.walk(folder, topdown=False):
        Path(path).rmdir()


@pytest.mark.parametrize("runtime", CGROUPS)
def test_a_container_is_known_by_its_cgroup(recorder: Recorder, root: Path, runtime: str) -> None:
    path, container = CGROUPS[runtime]
    (root / path).mkdir(parents=True)
    mark = f"contained-{runtime}"
    script = f"echo 0 > {root / path}/cgroup.procs; exec true {mark}"
    subprocess.run(["sh", "-c", script], check=True)
    event = recorder.ended(mark)
    assert (event["cgroup"][-len(path) :], event["container"]) == (path, container)


def test_pid_namespaces_two_deep(recorder: Recorder, tmp_path: Path) -> None:
    told = tmp_path / "told"
    inner = f"readlink /proc/self/ns/pid > {told}; sh -c 'echo $$ >> {told}; exec true two-deep'"
    enter = ["unshare", "--pid", "--fork", "--mount-proc"]
    subprocess.run([*enter, *enter, "sh", "-c", f"{inner}; exit 0"], check=True)
    event = recorder.ended("two-deep")
    namespace, pid = told.read_text().split()
    assert namespace == f"pid:[{event['pid_ns']}]"
    assert int(pid) == event["ns_pid"] < event["pid"]


def test_user_and_mount_namespaces(recorder: Recorder, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = f"readlink /proc/self/ns/user /proc/self/ns/mnt > {told};"
    script += " /usr/bin/true own-namespaces; exit 0"
    subprocess.run(["unshare", "-Urm", "sh", "-c", script], check=True)
    event = recorder.ended("own-namespaces")
    assert told.read_text().split() == [f"user:[{event['user_ns']}]", f"mnt:[{event['mnt_ns']}]"]
    assert (event["pid_ns"], event["ns_pid"]) == (None, event["pid"])


def test_those_of_the_first_process_are_null(recorder: Recorder) -> None:
    subprocess.run(["true", "no-namespaces"], check=True)
    event = recorder.ended("no-namespaces")
    found = [event[f"{kind}_ns"] for kind in ("pid", "mnt", "user")]
    with contextlib.suppress(PermissionError):
        for kind in ("pid", "mnt", "user"):
            assert os.readlink(f"/proc/1/ns/{kind}") == os.readlink(f"/proc/self/ns/{kind}")
    assert found == [None, None, None]


@pytest.mark.thorough
def test_programs_that_run_already_have_the_same(
    record: Callable[..., Recorder], root: Path, tmp_path: Path
) -> None:
    """They are read from /proc."""
    path, container = CGROUPS["docker"]
    (root / path).mkdir(parents=True)
    ready, command = tmp_path / "ready", "sleep 1009"
    script = f"readlink /proc/self/ns/pid > {ready}; {command}"
    enter = "unshare --pid --fork --mount-proc"
    process = Process(
        [
            "sh",
            "-c",
            f"echo 0 > {root / path}/cgroup.procs; exec {enter} sh -c '{script}'",
        ],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: ready.exists() and ready.read_text(), "the program to run")
        recorder = record(db=tmp_path / "own.db")
        (row,) = wait_for(
            lambda: [
                row
                for row in recorder.seen()
                if row["container"] == container and row["argv"] == '["sleep", "1009"]'
            ],
            "the running program",
        )
        assert ready.read_text().strip() == f"pid:[{row['pid_ns']}]"
        assert (row["ns_pid"] < 10 < row["pid"], row["user_ns"]) == (True, None)
        assert os.path.samefile(row["exe"], f"/proc/{row['pid']}/exe")
        status = os.stat(f"/proc/{row['pid']}/exe")
        assert row["exe_inode"] == status.st_ino
        assert (row["exe_deleted"], row["cpu_ns"], row["max_rss_kb"]) == (0, None, None)
    finally:
        os.killpg(process.pid, 9)
        process.wait()
        (root / path / "cgroup.kill").write_text("1")
        wait_for(lambda: not (root / path / "cgroup.procs").read_text(), "the programs to end")
