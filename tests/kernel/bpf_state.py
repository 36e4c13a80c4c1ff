"""Which BPF programs and maps the kernel has, and who holds them."""

import contextlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from tests.kernel.recorder import wait_for

SBIN = {**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}


def bpftool(*arguments: str, check: bool = True) -> Any:
    """What bpftool answers, which knows nothing of us."""
    done = subprocess.run(
        ["bpftool", "-j", *arguments], capture_output=True, text=True, check=check, env=SBIN
    )
    return json.loads(done.stdout or "null")


def held(pid: int, key: str) -> set[int]:
    """The ids (prog_id, map_id, link_id) of what a process has open, from /proc/PID/fdinfo."""
    found = set()
    with contextlib.suppress(OSError):  # it has ended
        for descriptor in os.listdir(f"/proc/{pid}/fdinfo"):
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text()
                found |= {int(n) for n in re.findall(rf"^{key}:\s*(\d+)$", text, re.MULTILINE)}
    return found


def programs_of(pid: int) -> list[dict[str, Any]]:
    """What bpftool knows of the BPF programs that a process holds."""
    numbers = held(pid, "prog_id")
    return [each for each in bpftool("prog", "show") or [] if each["id"] in numbers]


def left_behind() -> list[int]:
    """The ids of execdb's BPF programs that the kernel has, without those that others hold: another
    recorder may run on this machine, and its programs have the same names."""
    here = [p["id"] for p in bpftool("prog", "show") or [] if p.get("name", "")[:3] == "on_"]
    if not here:
        return []
    family = _family(os.getpid())
    others = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    theirs = [held(pid, "prog_id") for pid in others if pid not in family]
    return sorted(set(here).difference(*theirs))


def _family(pid: int) -> set[int]:
    """A process, its children, theirs, and so on."""
    found, waiting = set(), [pid]
    while waiting:
        found.add(pid := waiting.pop())
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                waiting += map(int, task.read_text().split())
    return found


def no_program_is_left() -> None:
    """Waits until the kernel has none of the programs that the test has loaded."""
    wait_for(lambda: not left_behind(), "the BPF programs to go")


class HeldMap(NamedTuple):
    id: str
    fd: int


def held_map(pid: int, name: str) -> HeldMap:
    """A map that the process holds, from its descriptors (proc_pid_fdinfo(5))."""
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        number = fields.get("map_id", "").strip()
        if number and bpftool("map", "show", "id", number)["name"] == name:
            return HeldMap(number, int(info.name))
    raise AssertionError(f"process {pid} holds no map {name}")
