"""The file that ran, its namespaces, and what it cost: as stat(2), /proc and wait4(2) say."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.recorder import Recorder

TRUE = Path("/usr/bin/true").resolve()
TICK_NS = 4_000_000  # of a kernel with CONFIG_HZ=250


def file_of(path: Path) -> tuple[str, int]:
    found = path.stat()
    return f"{os.major(found.st_dev)}:{os.minor(found.st_dev)}", found.st_ino


def identity(event: dict[str, Any]) -> tuple[str, int]:
    return event["exe_device"], event["exe_inode"]


def only(recorder: Recorder, mark: str) -> dict[str, Any]:
    """The last image that has this argument: of a chain of execs the one that is meant."""
    recorder.stop()
    return recorder.events("--arg", mark)[-1]


@pytest.fixture
def own_true(tmp_path: Path) -> Path:
    path = tmp_path / "own"
    shutil.copy(TRUE, path)
    return path


def test_a_plain_file(record: Callable[..., Recorder], own_true: Path) -> None:
    recorder = record()
    subprocess.run([own_true, "plain-file"], check=True)
    event = only(recorder, "plain-file")
    assert (event["exe"], identity(event)) == (str(own_true), file_of(own_true))
    assert (event["exe_deleted"], event["cwd_deleted"]) == (False, False)
    assert (event["pid_ns"], event["user_ns"], event["ns_pid"]) == (None, None, event["pid"])


def test_a_symbolic_link_is_followed(record: Callable[..., Recorder], own_true: Path) -> None:
    link = own_true.with_name("link")
    link.symlink_to(own_true)
    recorder = record()
    subprocess.run([link, "by-link"], check=True)
    event = only(recorder, "by-link")
    assert (event["filename"], event["exe"]) == (str(link), str(own_true))


def test_of_a_script_the_interpreter(record: Callable[..., Recorder], own_true: Path) -> None:
    script, outer = own_true.with_name("script"), own_true.with_name("outer")
    script.write_text(f"#!{own_true} x\n")
    outer.write_text(f"#!{script} y\n")
    for path in (script, outer):
        path.chmod(0o755)
    recorder = record()
    subprocess.run([outer, "by-script"], check=True)
    event = only(recorder, "by-script")
    assert (event["filename"], event["exe"]) == (str(outer), str(own_true))
    assert identity(event) == file_of(own_true)


def test_a_memfd(record: Callable[..., Recorder]) -> None:
    recorder = record()
    fd = os.memfd_create("seven", 0)
    os.write(fd, TRUE.read_bytes())
    subprocess.run([f"/proc/self/fd/{fd}", "in-memory"], check=True, pass_fds=[fd])
    event = only(recorder, "in-memory")
    assert (event["exe"], event["exe_deleted"]) == ("memfd:seven", True)
    assert event["exe_inode"] == os.fstat(fd).st_ino
    os.close(fd)


def test_a_file_that_was_unlinked(record: Callable[..., Recorder], own_true: Path) -> None:
    recorder = record()
    fd, before = os.open(own_true, os.O_RDONLY), file_of(own_true)
    own_true.unlink()
    subprocess.run([f"/proc/self/fd/{fd}", "unlinked"], check=True, pass_fds=[fd])
    os.close(fd)
    event = only(recorder, "unlinked")
    assert (event["exe"], event["exe_deleted"]) == (str(own_true), True)
    assert identity(event) == before


def test_a_bind_mount_does_not_hide_what_runs(
    record: Callable[..., Recorder], own_true: Path
) -> None:
    recorder = record()
    script = f"mount --bind {own_true} {TRUE} && {TRUE} bound"
    subprocess.run(["unshare", "--user", "-r", "--mount", "sh", "-c", script], check=True)
    event = only(recorder, "bound")
    assert (event["filename"], event["exe"]) == (str(TRUE), str(own_true))
    assert identity(event) == file_of(own_true) != file_of(TRUE)
    assert event["user_ns"] is not None
    assert event["mnt_ns"] is not None


def test_a_file_system_that_is_mounted_nowhere_else(
    record: Callable[..., Recorder], tmp_path: Path
) -> None:
    inode, point = tmp_path / "inode", tmp_path / "point"
    point.mkdir()
    script = (
        f"mount -t tmpfs x {point} && cp {TRUE} {point}/t && mount --bind {point}/t {TRUE} &&"
        f" stat -c %i {TRUE} > {inode} && {TRUE} elsewhere"
    )
    recorder = record()
    subprocess.run(["unshare", "--mount", "sh", "-c", script], check=True)
    event = only(recorder, "elsewhere")
    assert (event["exe"], event["exe_inode"]) == (None, int(inode.read_text()))
    assert event["user_ns"] is None


def test_a_removed_directory(record: Callable[..., Recorder], tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    recorder = record()
    script = f"cd {gone} && rmdir {gone} && exec {TRUE} from-nowhere"
    subprocess.run(["sh", "-c", script], check=True)
    event = only(recorder, "from-nowhere")
    assert (event["cwd"], event["cwd_deleted"]) == (str(gone), True)


def test_pid_namespaces_two_deep(record: Callable[..., Recorder], tmp_path: Path) -> None:
    told = tmp_path / "told"
    recorder = record()
    inner = f"readlink /proc/self/ns/pid > {told}; {TRUE} two-deep; exit 0"
    enter = ["unshare", "--pid", "--fork", "--mount-proc"]
    subprocess.run([*enter, *enter, "sh", "-c", inner], check=True)
    event = only(recorder, "two-deep")
    assert told.read_text().strip() == f"pid:[{event['pid_ns']}]"
    assert 1 < event["ns_pid"] < 10 < event["pid"]


BURN = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass"
THREADS = (
    "import hashlib, sys, threading\n"
    "def f(): [hashlib.sha256(b'x' * 2**24).digest() for _ in range(4)]\n"
    "t = [threading.Thread(target=f) for _ in range(4)]; [x.start() for x in t];"
    " [x.join() for x in t]"
)


@pytest.mark.parametrize(
    ("code", "threads"), [(BURN, 1), (THREADS, 5)], ids=["one thread", "threads"]
)
def test_cpu_time_and_memory_are_those_of_rusage(
    record: Callable[..., Recorder], code: str, threads: int
) -> None:
    recorder = record()
    process = subprocess.Popen(["/usr/bin/python3", "-c", code, "0.23", "burns"])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    event = only(recorder, "burns")
    used_ns = (usage.ru_utime + usage.ru_stime) * 1e9
    assert event["pid"] == process.pid
    # Each thread may lack a tick, and rusage has also what came before the exec and after the end.
    assert abs(event["cpu_ns"] - used_ns) < (threads + 1) * TICK_NS
    assert abs(event["max_rss_kb"] - usage.ru_maxrss) <= 4


def test_each_image_of_a_chain_has_its_own_share(record: Callable[..., Recorder]) -> None:
    recorder = record()
    chain = f"{BURN}\nimport os; os.execv('/bin/true', ['true', 'chained'])"
    process = subprocess.Popen(["/usr/bin/python3", "-c", chain, "0.2", "chain-begins"])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    recorder.stop()
    first, last = recorder.events("--pid", str(process.pid))
    used_ns = (usage.ru_utime + usage.ru_stime) * 1e9
    assert first["cpu_ns"] > 190_000_000
    assert last["cpu_ns"] < 20_000_000
    assert abs(first["cpu_ns"] + last["cpu_ns"] - used_ns) < 2 * TICK_NS
