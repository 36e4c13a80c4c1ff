"""A control group that holds no more processes than planned."""

import contextlib
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids"))  # version 2; version 1
_NAME = "execdb-replay-"
_PATIENCE, _PAUSE_S = 400, 0.005


@contextlib.contextmanager
def pids_cgroup(at_most: int) -> Iterator[Path | None]:
    """None where there can be none, as without root: the tape alone bounds the number then. Also
    removes those that killed replays left behind."""
    found = _make(at_most)
    try:
        yield found
    finally:
        if found is not None:
            _remove(found)


def _make(at_most: int) -> Path | None:
    for root in _ROOTS:
        if not (root / "cgroup.procs").exists():
            continue
        _remove_abandoned(root)
        path = root / f"{_NAME}{os.getpid()}"
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            (path / "pids.max").write_text(str(at_most))
            return path
        except OSError:  # the controller is not there
            path.rmdir()
    return None


def _remove(path: Path) -> None:
    """Once the last process is gone, which takes a moment after a kill."""
    for _ in range(_PATIENCE):
        with contextlib.suppress(OSError):
            path.rmdir()
            return
        time.sleep(_PAUSE_S)


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{_NAME}*"):
        pid = re.fullmatch(r"[0-9]+", path.name.removeprefix(_NAME))
        if pid and not Path(f"/proc/{pid[0]}").exists():
            with contextlib.suppress(OSError):
                path.rmdir()
