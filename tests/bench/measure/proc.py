"""What processes cost, from /proc (proc_pid_schedstat, proc_pid_smaps_rollup: proc(5))."""

import contextlib
import os
import platform
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

PROC = Path("/proc")
Command = Sequence[str | Path]
_STEP_S = 0.25
_QUIET = 0.02  # of one core: nothing left to write


def cpu_ns(pids: Iterable[int]) -> int:
    """CPU time of these processes so far, all their threads, in ns."""
    total = 0
    for pid in pids:
        for task in (PROC / str(pid) / "task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # a thread may end meanwhile
                total += int(task.read_text().split()[0])
    return total


def machine_cpu_ns() -> int:
    """CPU time of all that runs on this machine, and of others that kept it from running (steal),
    since the boot, in ns (/proc/stat: proc_stat(5))."""
    cpu = PROC.joinpath("stat").read_text().splitlines()[0].split()
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, cpu[1:9])
    return (user + nice + system + irq + softirq + steal) * 10**9 // os.sysconf("SC_CLK_TCK")


def pace_ms() -> float:
    """CPU time, in ms, of work that is always the same: how fast this machine is at the moment."""
    begun_ns = time.process_time_ns()
    sorted(map(str, range(300_000)))
    return (time.process_time_ns() - begun_ns) / 1e6


def _kb(pid: int, file: str, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / file).read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0


def rss_kb(pids: Iterable[int]) -> int:
    return sum(_kb(pid, "smaps_rollup", "Rss") for pid in pids)


def pss_kb(pids: Iterable[int]) -> int:
    return sum(_kb(pid, "smaps_rollup", "Pss") for pid in pids)


def peak_kb(pids: Iterable[int]) -> int:
    """The sum of each process's highest resident size so far."""
    return sum(_kb(pid, "status", "VmHWM") for pid in pids)


def family(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for parent in found:
        for children in (PROC / str(parent) / "task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def kernel_threads(name: str) -> list[int]:
    """Kernel threads of that name (kthreadd, process 2, is their parent)."""
    found = []
    for stat in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, _, rest = stat.read_text().partition(" (")
            comm, _, fields = rest.rpartition(") ")
            if comm == name and fields.split()[1] == "2":
                found.append(int(pid))
    return found


def wait_for(condition: Callable[[], bool], what: str, within_s: float = 30) -> None:
    """Returns when the condition holds. Raises TimeoutError."""
    deadline_s = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"waited {within_s:g} s for {what}")
        time.sleep(0.005)


def settle(pids: Iterable[int], within_s: float = 60) -> None:
    """Returns when these processes have nothing left to do. Raises TimeoutError."""
    pids, deadline_s = list(pids), time.monotonic() + within_s
    before = cpu_ns(pids)
    while True:
        time.sleep(_STEP_S)
        after = cpu_ns(pids)
        if after - before < _QUIET * _STEP_S * 1e9:
            return
        before = after
        if time.monotonic() > deadline_s:
            raise TimeoutError(f"the recorder was still busy after {within_s:g} s")


@dataclass(frozen=True)
class Taken:
    """What a whole process took: wall and CPU time (user and system, its children's too), and its
    highest resident size, or that of whoever started it if this was higher."""

    wall_s: float
    cpu_s: float
    peak_kb: int


def run(command: Command, stdout: int = subprocess.DEVNULL) -> Taken:
    """Runs a command to its end. Raises CalledProcessError where it fails."""
    started_s = time.monotonic()
    process = subprocess.Popen(command, stdout=stdout)
    _, status, used = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started_s
    process.returncode = os.waitstatus_to_exitcode(status)  # so that nothing waits for it again
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Taken(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss)


@dataclass(frozen=True)
class Streamed:
    """A process that wrote lines, and its highest resident size after half of them and at the
    end."""

    taken: Taken
    lines: int
    half_kb: int
    peak_kb: int


def stream(command: Command, file: BinaryIO) -> Streamed:
    """Writes a command's stdout to the file, looking at its memory. Raises CalledProcessError."""
    started_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout
    lines, seen_kb = 0, []
    for number, chunk in enumerate(iter(lambda: process.stdout.read(1 << 20), b"")):  # type: ignore[union-attr]
        lines += chunk.count(b"\n")
        file.write(chunk)
        if number % 4 == 0:
            seen_kb.append(peak_kb([process.pid]))
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    cpu_s = used.ru_utime + used.ru_stime
    taken = Taken(time.monotonic() - started_s, cpu_s, used.ru_maxrss)
    return Streamed(taken, lines, seen_kb[len(seen_kb) // 2], max(seen_kb))


def machine() -> str:
    """Processor, cores, kernel, distribution and date, in one line."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in (PROC / "cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        system = platform.system()
    today = datetime.now(UTC).date().isoformat()
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}, {system}, {today}"
