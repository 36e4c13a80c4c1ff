"""What an image cost: as wait4(2) says, but for the time in which its memory is freed, which comes
after its end on newer kernels."""

import os
import resource
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.conftest import SHARED
from tests.kernel.recorder import Recorder, wait_for
from tests.processes.process import Process

TICK_NS = 10_000_000  # of the kernels with the longest one (CONFIG_HZ=100)
BURN = "import sys, time\nwhile time.process_time() < float(sys.argv[1]): pass"
THREADS = """
import hashlib, sys, threading
x = b'x' * 2**22
def f(): [hashlib.sha256(x).digest() for _ in range(int(sys.argv[1]))]
t = [threading.Thread(target=f) for _ in range(7)]
[x.start() for x in t]; [x.join() for x in t]
"""
# The first thread ends at once, the others later.
LEADERLESS = """
import ctypes, hashlib, sys, threading
x = b'x' * 2**22
def f(): [hashlib.sha256(x).digest() for _ in range(int(sys.argv[1]))]
[threading.Thread(target=f).start() for _ in range(3)]
ctypes.CDLL(None).syscall(60 if __import__('platform').machine() == 'x86_64' else 93, 0)
"""
MEMORY = "x = bytearray(64 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"


@pytest.fixture(scope="module", autouse=True)
def _in_memory() -> None:
    """An execve that reads the program from a slow disk takes CPU time, of the image before it."""
    subprocess.run(["/usr/bin/python3", "-c", "import ctypes, hashlib"], check=True)


def used(*command: str) -> tuple[int, resource.struct_rusage]:
    """Runs a program; its pid and what wait4 says that it used."""
    process = Process(["/usr/bin/python3", "-c", *command])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.pid, usage


def cpu_ns(usage: resource.struct_rusage) -> float:
    return (usage.ru_utime + usage.ru_stime) * 1e9


def is_close(found_ns: int, usage: resource.struct_rusage) -> bool:
    """Within a tick. An emulated machine takes longer to free a program's memory."""
    emulation_ns = 0.1 * cpu_ns(usage) if SHARED else 0
    return abs(found_ns - cpu_ns(usage)) < TICK_NS + emulation_ns


HASHES = "1" if SHARED else "16"  # of each thread; one takes a second in emulation
CASES = {
    "one thread": (BURN, "0.23"),
    "threads": (THREADS, HASHES),
    "a leader that ends first": (LEADERLESS, HASHES),
}


@pytest.mark.parametrize("name", CASES)
def test_cpu_time_and_memory_are_those_of_rusage(recorder: Recorder, name: str) -> None:
    pid, usage = used(*CASES[name], f"used by {name}")
    event = recorder.ended(f"used by {name}")
    assert event["pid"] == pid
    assert is_close(event["cpu_ns"], usage), (event["cpu_ns"], cpu_ns(usage))
    assert abs(event["max_rss_kb"] - usage.ru_maxrss) <= resource.getpagesize() // 1024


def test_much_memory(recorder: Recorder) -> None:
    _, usage = used(MEMORY, "much-memory")
    event = recorder.ended("much-memory")
    assert event["max_rss_kb"] > 64 << 10
    assert abs(event["max_rss_kb"] - usage.ru_maxrss) <= resource.getpagesize() // 1024


def test_each_image_of_a_chain_has_its_own_share(recorder: Recorder) -> None:
    burn = (
        "import os, sys, time\nt = time.process_time() + 0.2\nwhile time.process_time() < t: pass"
    )
    go_on = "if sys.argv[1:]: os.execv(sys.executable, [sys.executable, '-c', *sys.argv[1:]])"
    code = f"{burn}\n{go_on}"
    pid, usage = used(code, code, "pass", "chain")
    wait_for(lambda: len(ended(recorder, pid)) == 3, "three images to end")
    images = ended(recorder, pid)
    assert [image["ended"] for image in images] == ["exec", "exec", "exit"]
    most_ns = 0.6 * cpu_ns(usage) if SHARED else 0.4e9  # emulated, a start takes 2 s
    assert all(0.19e9 < image["cpu_ns"] < most_ns for image in images[:2]), images
    total_ns = sum(image["cpu_ns"] for image in images)
    assert is_close(total_ns, usage), (total_ns, cpu_ns(usage))


def ended(recorder: Recorder, pid: int) -> list[dict[str, Any]]:
    return [event for event in recorder.events("--pid", str(pid)) if event["ended"]]


def test_children_are_not_included(recorder: Recorder) -> None:
    child = f"[sys.executable, '-c', {BURN!r}, '0.3', 'a-child']"
    used(f"import subprocess, sys; subprocess.run({child})", "a-parent")
    ends = {mark: recorder.ended(mark) for mark in ("a-parent", "a-child")}
    assert ends["a-child"]["parent_id"] == ends["a-parent"]["id"]
    assert ends["a-child"]["cpu_ns"] > 0.29e9 > ends["a-parent"]["cpu_ns"]


def test_what_runs_shorter_than_a_tick_is_not_for_free(recorder: Recorder, programs: Path) -> None:
    """The kernel brings a task's time up to date at each tick only."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for number in range(101):
        subprocess.run(
            [programs / "tell", "short", str(number)], check=True, stdout=subprocess.DEVNULL
        )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    recorder.ended("100")
    images = [e for e in recorder.events("--path", str(programs / "tell")) if "short" in e["argv"]]
    assert len(images) == 101
    total = sum(image["cpu_ns"] for image in images)
    share = total / (cpu_ns(after) - cpu_ns(before))  # the rest is before the exec, after the end
    assert 0.5 < share <= 1.1, share
    assert all(image["cpu_ns"] > 0 for image in images)
    right = [image["cpu_ns"] <= image["duration_ns"] + TICK_NS for image in images]
    assert right.count(False) <= 2  # a tick comes late where the machine's own host is busy
