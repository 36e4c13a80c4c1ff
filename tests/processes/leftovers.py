"""What a test leaves running, or mounted in its folder, fails it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.processes.process import PATIENCE_S

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
    mounted = [place for place in _mounts(folder) if place not in mounts]
    for place in reversed(mounted):
        subprocess.run(["umount", "--lazy", place], check=True)
    _end_and_fail(lambda: _left(children), mounted, "the test")


def _end_and_fail(find: Callable[[], dict[int, str]], mounted: list[str], who: str) -> None:
    """Kills the processes that are still found after a while."""
    until_s = time.monotonic() + _GRACE_S
    while (left := find()) and time.monotonic() < until_s:
        time.sleep(0.01)
    for pid in left:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    said = [f"process {pid}: {command}" for pid, command in left.items()]
    said += [f"mount {place}" for place in mounted]
    assert not said, f"{who} left " + ", ".join(said)


@pytest.fixture(scope="session", autouse=True)
def nothing_outlives_the_tests() -> Iterator[None]:
    """Nor what their processes started and did not end: known by a variable, as it has become a
    child of others."""
    name, value = "EXECDB_TEST_PROCESS", f"{os.getpid()} {time.time_ns()}"
    os.environ[name] = value
    yield
    del os.environ[name]
    _end_and_fail(lambda: _with_variable(f"{name}={value}"), [], "the tests")


def _with_variable(setting: str) -> dict[int, str]:
    """Processes that have been given it, see proc_pid_environ(5)."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    ours = [pid for pid in pids if setting in _read(f"/proc/{pid}/environ").split("\0")]
    return {pid: command for pid in ours if (command := _command(pid))}


def _left(before: Iterable[int]) -> dict[int, str]:
    return {p: c for p, c in _children().items() if p not in before and p not in _outlasting}


def _children() -> dict[int, str]:
    """The command lines of processes of this one; ended ones have none. See proc_pid_task(5)."""
    found = {}
    for task in os.listdir("/proc/self/task"):
        for pid in map(int, _read(f"/proc/self/task/{task}/children").split()):
            if command := _command(pid):
                found[pid] = command
    return found


def _command(pid: int) -> str:
    return _read(f"/proc/{pid}/cmdline").replace("\0", " ").rstrip()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:  # it has just ended
        return ""


def _mounts(folder: Path) -> list[str]:
    """Where something is mounted below a folder, in the order of time."""
    places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{folder}/")]
