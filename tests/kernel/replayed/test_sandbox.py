"""Live replay: what stubs cannot do, and that nothing is left when it ends in whatever way."""

import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from execdb.livereplay.paths import Paths
from execdb.livereplay.sandbox.sandbox import Sandbox
from execdb.livereplay.sandbox.tape_file import TapeFile
from execdb.livereplay.tape.tape import ENTRY_BYTES, Tape
from tests.conftest import START_NS
from tests.kernel.collecting.test_room import tmpfs
from tests.kernel.recorder import EXECDB, PATIENCE_S, wait_for
from tests.others import others_can_run_it
from tests.processes.process import Process

MORE = {
    **{"mkdir": 83, "unlink": 87, "chroot": 161, "mknod": 133, "mount": 165, "reboot": 169},
    **{"socket": 41, "ptrace": 101, "setns": 308, "unshare": 272, "bpf": 321, "io_uring": 425},
    **{"init_module": 175, "settimeofday": 164, "keyctl": 250, "perf_event_open": 298},
    **{"sethostname": 170, "setrlimit": 160, "process_vm_readv": 310, "syslog": 103, "iopl": 172},
    **{"swapon": 167, "clone3": 435, "fork": 57, "open_by_handle_at": 304, "pivot_root": 155},
}
HELD = errno.EPERM, errno.EACCES, errno.ENOENT, errno.EROFS, errno.ESRCH, errno.ENXIO, errno.EINVAL
LONG = f"long{os.getpid()}"  # a name that no other process has
pytestmark = pytest.mark.skipif(os.uname().machine != "x86_64", reason="numbers of x86_64")


def evil(tape: Tape, host_pid: int) -> dict[str, int]:
    """What a tape could try at worst, and the entries that do."""
    t = tape.text
    return {
        label: tape.call(name, *arguments)
        for label, name, *arguments in (
            ("read the shadow file", "openat", -100, t(b"/etc/shadow"), 0),
            ("from above the root", "openat", -100, t(b"../../../../etc/shadow"), 0),
            ("through /proc", "openat", -100, t(b"/proc/1/root/etc/shadow"), 0),
            ("create a file", "openat", -100, t(b"/x"), 0o101, 0o644),
            ("write a stub", "openat", -100, t(b"/bin/one"), 1),
            ("unlink a stub", "unlink", t(b"/bin/one")),
            ("mount writable", "mount", t(b"none"), t(b"/"), 0, 0x20, 0),
            ("mount proc", "mount", t(b"proc"), t(b"/bin"), t(b"proc"), 0, 0),
            ("make a device", "mknod", t(b"/sda"), 0o60666, 0x800),
            ("a socket", "socket", 2, 1, 0),
            ("a local socket", "socket", 1, 1, 0),
            ("a user namespace", "unshare", 0x10000000),
            ("the same by clone", "clone", 0x10000000 | 17),
            ("the same by clone3", "clone3", tape.scratch, 88),
            ("another namespace", "setns", 63, 0),
            ("trace process 1", "ptrace", 16, 1),
            ("kill a process of the host", "kill", host_pid, 9),
            ("load BPF", "bpf", 0, tape.scratch, 16),
            ("io_uring", "io_uring", 8, tape.scratch),
            ("load a module", "init_module", 0, 0, t(b"")),
            ("set the clock", "settimeofday", tape.scratch, 0),
            ("reboot", "reboot", 0xFEE1DEAD, 672274793, 0, 0),
            ("rename the host", "sethostname", t(b"x"), 1),
            ("ports", "iopl", 3),
            ("keys", "keyctl", 0, -3, 0),
            ("the kernel's log", "syslog", 3, 0, 0),
            ("perf", "perf_event_open", tape.scratch, 0, -1, -1, 0),
            ("memory of others", "process_vm_readv", host_pid, tape.scratch, 1, tape.scratch, 1),
            ("a file by its handle", "open_by_handle_at", 63, tape.scratch, 0),
            ("another root", "chroot", t(b"/bin")),
            ("more processes", "openat", -100, t(b"/.execdb-replay/cgroup/../pids.max"), 1),
            ("more of them", "openat", -100, t(b"/.execdb-replay/cgroup/pids.max"), 1),
            ("a control group", "mkdir", t(b"/.execdb-replay/cgroup/x"), 0o755),
        )
    }


def test_a_malicious_tape_can_do_nothing() -> None:
    file, paths = TapeFile(), Paths()
    paths.finish()
    paths.folders.add(b"bin")
    paths.programs[b"bin/one"] = None
    paths.groups.add(b"a/b")
    victim = Process(["sleep", "60"])
    tape = Tape("x86_64", file.write)
    tape._numbers = tape._numbers | MORE
    tries = evil(tape, victim.pid)
    tape.call("exit_group", 0)
    tape.flush()
    outcome = Sandbox(paths, [b"execdb-replay"], 64, 0).run(file, tape.times, 0)
    assert outcome.complete
    for label, entry in tries.items():
        (answer,) = struct.unpack("<q", file.read(entry * ENTRY_BYTES, 8))
        assert -answer in HELD, f"{label}: {answer}"
    assert victim.poll() is None
    victim.kill()
    victim.wait()
    file.close()


@pytest.fixture
def long(tmp_path: Path) -> Path:
    """A history of 29 programs that run for a minute."""
    rows = [
        {
            "id": n + 1, "time_ns": START_NS + n, "boot_ns": 10**9 + n, "boot_id": "b",
            "host": "h", "pid": 100 + n, "ppid": 100 if n else 1, "uid": 33, "euid": 33, "gid": 33,
            "comm": LONG, "filename": f"/opt/{LONG}", "argv": [LONG, str(n)], "message": "m",
            "exe": "/opt/really/this", "ended": "exit", "exit_code": 0, "duration_ns": 60 * 10**9,
            "parent_id": 1 if n else None,
        }
        for n in range(29)
    ]  # fmt: skip
    db = tmp_path / "long.db"
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    subprocess.run([EXECDB, "--db", db, "import", "-"], input=lines, text=True, check=True)
    return db


def stubs() -> list[int]:
    """Processes that run a stub of this file's history, wherever."""
    return [pid for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if _is_stub(pid)]


def _is_stub(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(f"{LONG}\0".encode())
    except OSError:
        return False


class Replay(NamedTuple):
    """A replay that runs: its driver, and the PID namespace of what it started."""

    driver: Process[str]
    namespace: str

    def is_gone(self) -> bool:
        pids = filter(str.isdecimal, os.listdir("/proc"))
        return all(_namespace(pid) != self.namespace for pid in pids)


def _namespace(pid: int | str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/pid")
    except OSError:
        return None


@pytest.fixture
def replay(long: Path) -> Iterator[Replay]:
    with Process(
        [EXECDB, "--db", long, "replay", "--live"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        wait_for(lambda: len(stubs()) == 29, "all stubs to run")
        namespace = _namespace(stubs()[0])
        assert namespace is not None
        yield Replay(process, namespace)
        process.kill()


def left(pid: int) -> list[str]:
    cgroups = Path("/sys/fs/cgroup").glob(f"**/execdb-replay-{pid}")
    mounts = Path("/proc/self/mountinfo").read_text()
    return [str(path) for path in cgroups] + ["mount"] * ("execdb-r" in mounts)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_who_asked_for_it(replay: Replay, number: signal.Signals) -> None:
    driver = replay.driver
    driver.send_signal(number)
    begun = time.monotonic()
    driver.wait(PATIENCE_S)
    wait_for(replay.is_gone, "the stubs to end")
    assert time.monotonic() - begun < 30  # the programs last a minute
    if number == signal.SIGINT:
        assert driver.returncode == 130
        assert "started 29 of 29" in driver.stdout.read()  # type: ignore[union-attr]
        assert left(driver.pid) == []


def test_what_a_killed_replay_left_goes_with_the_next(replay: Replay, long: Path) -> None:
    replay.driver.kill()
    replay.driver.wait()
    wait_for(replay.is_gone, "the stubs to end")
    args = [EXECDB, "--db", long, "replay", "--live", "--rate", "10000"]
    done = subprocess.run(args, capture_output=True, text=True, check=True)
    assert "started 29 of 29" in done.stdout
    assert left(replay.driver.pid) == []


def test_a_full_disk_leaves_nothing_behind(long: Path, tmp_path: Path) -> None:
    """Nothing is written to one; only what is said may find no room, which is said on stderr."""
    args = [EXECDB, "--db", long, "replay", "--live", "--rate", "10000"]
    with tmpfs(tmp_path / "disk", 1) as disk:
        (disk / "ballast").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
        assert os.statvfs(disk).f_bavail == 0
        with (disk / "out").open("w") as file:
            for stdout, code in ((subprocess.PIPE, 0), (file, 1)):
                driver = Process(
                    args, stdout=stdout, stderr=subprocess.PIPE, text=True,
                    env=os.environ | {"TMPDIR": str(disk)},
                )  # fmt: skip
                out, err = driver.communicate(timeout=PATIENCE_S)
                assert (driver.returncode, err.count("\n")) == (code, code), err
                assert out is None or "started 29 of 29" in out
                assert left(driver.pid) == []
                assert stubs() == []


@pytest.mark.usefixtures("replay")
def test_stubs_see_nothing_of_the_machine() -> None:
    pid = stubs()[0]
    root = Path(f"/proc/{pid}/root")
    assert sorted(os.listdir(root)) == [".execdb-replay", "opt"]
    assert os.readlink(root / "opt" / LONG) == os.readlink(f"/proc/{pid}/exe") == "/opt/really/this"
    status = dict(
        line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    assert status["Seccomp"] == "2"
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) | 0xC0 == 0xC0
    assert status["Uid"].split() == ["33"] * 4
    for name in ("mnt", "pid", "net", "ipc", "uts", "user", "cgroup"):
        assert os.readlink(f"/proc/{pid}/ns/{name}") != os.readlink(f"/proc/self/ns/{name}")


@others_can_run_it
def test_without_root_it_runs_as_who_asked(long: Path, reachable: Path) -> None:
    own = reachable / "own"
    own.mkdir()
    db = Path(shutil.copy(long, own))
    for path in (own, db):
        os.chown(path, 1000, 1000)
    done = subprocess.run(
        ["setpriv", "--reuid", "1000", "--regid", "1000", "--clear-groups",
         EXECDB, "--db", db, "replay", "--live", "--rate", "10000"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "started 29 of 29" in done.stdout
    assert "29 x user (only root can become others)" in done.stdout
