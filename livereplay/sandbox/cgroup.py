"""Control groups of a replay: no more processes than planned, and a name to be known by."""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_UNIFIED = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")  # alone; beside version 1
_PIDS = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids")  # version 2; version 1
NAME = "execdb-replay-"  # and the driver's pid
_PATIENCE, _PAUSE_S = 400, 0.005


@contextlib.contextmanager
def replay_cgroups(at_most: int) -> Iterator[list[Path]]:
    """Those to be joined: one that bounds the number of processes, and one by which recorders
    recognise a replay (version 2), which may be the same. Where there can be none, as without root,
    the tape alone bounds the number, and what is replayed looks like anything else. Also removes
    those that killed replays left behind."""
    with contextlib.ExitStack() as stack:
        found = {_make(_PIDS, at_most), _make(_UNIFIED, None)} - {None}
        paths = [path for path in found if path is not None]
        for path in paths:
            stack.callback(_remove, path)
        yield paths


def _make(roots: Iterable[Path], at_most: int | None) -> Path | None:
    for root in roots:
        is_unified = (root / "cgroup.controllers").exists()
        if not (root / "cgroup.procs").exists() or (at_most is None and not is_unified):
            continue
        _remove_abandoned(root)
        path = root / f"{NAME}{os.getpid()}"
        try:
            path.mkdir(exist_ok=True)
        except OSError:
            continue
        if at_most is None:
            return path
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
    for path in root.glob(f"{NAME}*"):
        pid = re.fullmatch(r"[0-9]+", path.name.removeprefix(NAME))
        if pid and not Path(f"/proc/{pid[0]}").exists():
            with contextlib.suppress(OSError):
                path.rmdir()
