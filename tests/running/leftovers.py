"""What a test leaves running, or mounted in its folder, fails it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.running.processes import PATIENCE_S

_GRACE_S = PATIENCE_S / 6  # for what was killed, and takes a moment to end
_outlasting: set[int] = set()


def outlasts(pid: int) -> None:
    """This process is for further tests as well, and whatever ends it is not this test."""
    _outlasting.add(pid)


@pytest.fixture(autouse=True)
def nothing_is_left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """First of a test's own fixtures, by its name: it ends after all others."""
    folder = tmp_path_factory.getbasetemp()
    mounts, children = _mounts(folder), _children().keys()
    yield
    until_s = time.monotonic() + _GRACE_S
    while (left := _left(children)) and time.monotonic() < until_s:
        time.sleep(0.01)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    mounted = [place for place in _mounts(folder) if place not in mounts]
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", place], check=True)
    said = [f"process {pid}: {command}" for pid, command in left.items()]
    said += [f"mount {place}" for place in mounted]
    assert not said, "the test left " + ", ".join(said)


def _left(before: Iterable[int]) -> dict[int, str]:
    return {p: c for p, c in _children().items() if p not in before and p not in _outlasting}


def _children() -> dict[int, str]:
    """The command lines of processes of this one; ended ones have none. See proc_pid_task(5)."""
    found = {}
    for task in os.listdir("/proc/self/task"):
        for pid in map(int, _read(f"/proc/self/task/{task}/children").split()):
            if command := _read(f"/proc/{pid}/cmdline"):
                found[pid] = command.replace("\0", " ").rstrip()
    return found


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # it has just ended
        return ""


def _mounts(folder: Path) -> list[str]:
    """Where something is mounted below a folder, in the order of time."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder}/")]
