"""A small Debian that systemd boots in a container: systemd-nspawn(1), on this kernel.

EXECDB_TEST_SUITE names its suite, such as "trixie" (default: "bookworm"). Each is made once, in
`build/service-root-SUITE`; what tests change in it is gone afterwards. It has PID namespaces of its
own, so programs that ran before a recording are not known there.
"""

import contextlib
import os
import pty
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.processes.process import Process

SUITE = os.environ.get("EXECDB_TEST_SUITE", "bookworm")
ROOT = Path(__file__).parents[2] / f"build/service-root-{SUITE}"
_PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,python3-bpfcc,procps"
_TOOLS = ("debootstrap", "systemd-nspawn")
_CAPABILITIES = (
    "CAP_BPF,CAP_PERFMON,CAP_SYS_ADMIN,CAP_SYS_RESOURCE,CAP_SYS_PTRACE,CAP_IPC_LOCK,CAP_NET_ADMIN"
)
_NAMESPACES = ("-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w")
_BOOT_S = 120
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}


def make_root() -> None:
    """Takes about two minutes the first time."""
    if not all(map(shutil.which, _TOOLS)):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        command = ["apt-get", "install", "-qq", "-y", "--no-install-recommends"]
        subprocess.run([*command, "debootstrap", "systemd-container"], check=True)
    if not ROOT.exists():
        new = ROOT.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.parent.mkdir(exist_ok=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={_PACKAGES}", SUITE, new],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        new.rename(ROOT)


def python_version() -> str:
    """Of the Debian that was made, such as "3.11"."""
    (folder,) = ROOT.glob("usr/lib/python3.*")
    return folder.name.removeprefix("python")


class Machine:
    """A booted one."""

    def __init__(self, leader: int) -> None:
        self._enter = ["nsenter", "-t", str(leader), *_NAMESPACES, "--"]

    def try_(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self._enter, *map(str, command)],
            capture_output=True, text=True, env=_ENVIRONMENT, stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *command: str | Path) -> str:
        """stdout of what must succeed."""
        done = self.try_(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def shell(self, script: str) -> str:
        return self.run("sh", "-euc", script)

    def property(self, name: str) -> str:
        return self.run("systemctl", "show", "execdb", f"--property={name}", "--value").strip()

    def wait_for(self, condition: Callable[[], bool], within_s: float = 300) -> None:
        until_s = time.monotonic() + within_s
        while not condition():
            if time.monotonic() > until_s:
                raise AssertionError(self.run("journalctl", "-u", "execdb", "-n", "30"))
            time.sleep(0.1)


@contextlib.contextmanager
def booted(binds: list[Path]) -> Iterator[Machine]:
    """With these folders in it, read-only. nspawn boots only on a terminal."""
    main, side = pty.openpty()
    command = [
        "systemd-nspawn", "-q", "-D", ROOT, "--volatile=overlay", "--register=no", "--keep-unit",
        f"--machine=execdb-{os.getpid()}", f"--capability={_CAPABILITIES}",
        "--system-call-filter=bpf perf_event_open pidfd_getfd",
        *(f"--bind-ro={path}" for path in binds), "--boot",
    ]  # fmt: skip
    console: deque[bytes] = deque(maxlen=200)
    process = Process(command, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    reader = threading.Thread(target=_read, args=(main, console), daemon=True)
    reader.start()
    try:
        machine = _when_up(process, console)
        yield machine
        machine.try_("systemctl", "poweroff", "--force")
        process.wait(60)
    finally:
        process.kill()
        process.wait()
        reader.join(5)
        os.close(main)


def _read(fd: int, console: "deque[bytes]") -> None:
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(fd, 65_536):
            console.append(part)


def _when_up(process: Process[bytes], console: "deque[bytes]") -> Machine:
    until_s = time.monotonic() + _BOOT_S
    while process.poll() is None and time.monotonic() < until_s:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in map(int, children):
            machine = Machine(child)
            if machine.try_("systemctl", "is-system-running").stdout.strip() in (
                "running",
                "degraded",
            ):
                return machine
        time.sleep(0.2)
    raise AssertionError(b"".join(console).decode(errors="replace"))
