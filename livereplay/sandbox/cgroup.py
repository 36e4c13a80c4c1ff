"""Control groups of a replay: no more processes than planned, a name to be known by, and those that
were recorded, below that name."""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

_UNIFIED = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/unified")  # alone; beside version 1
_PIDS = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/pids")  # version 2; version 1
NAME = "execdb-replay-"  # and the driver's pid
BELOW = "in"  # where the recorded groups are, so that stubs cannot reach the limits above them
_PATIENCE, _PAUSE_S = 400, 0.005


class Groups(NamedTuple):
    """`joined` are those to be joined; `recorded` is the folder of the recorded ones, if any."""

    joined: list[Path]
    recorded: Path | None


def can_be_made() -> bool:
    """Whether recorded control groups can be made again (version 2): as root of the machine."""
    return os.geteuid() == 0 and any(map(_is_unified, _UNIFIED))


def _is_unified(root: Path) -> bool:
    return (
        (root / "cgroup.controllers").exists()
        and (root / "cgroup.procs").exists()
        and os.access(root, os.W_OK)
    )


@contextlib.contextmanager
def replay_cgroups(at_most: int, recorded: Iterable[bytes] = ()) -> Iterator[Groups]:
    """One that bounds the number of processes, and one by which recorders recognise a replay
    (version 2), which may be the same. Where there can be none, as without root, the tape alone
    bounds the number, and what is replayed looks like anything else. Also removes those that killed
    replays left behind. Raises OSError if the recorded ones cannot be made."""
    with contextlib.ExitStack() as stack:
        bounded = _make(_PIDS, at_most, stack)
        named = _make(_UNIFIED, None, stack)
        paths = list(dict.fromkeys(filter(None, (bounded, named))))
        groups = sorted(recorded)
        if not groups:
            yield Groups(paths, None)
            return
        if named is None:
            raise OSError("no control groups can be made")
        top = named / BELOW
        for group in (b"", *groups):
            _make_below(os.fsencode(top), group)
        yield Groups([path for path in paths if path != named] + [top], top)


def _make_below(top: bytes, group: bytes) -> None:
    """In a threaded one a process can move by itself at once: in others, the kernel makes all forks
    of the machine wait for it (cgroups(7), "Thread mode")."""
    path = top
    for name in [b"", *group.split(b"/")]:
        path = os.path.join(path, name)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o755)
            if name:
                Path(os.fsdecode(path), "cgroup.type").write_text("threaded")


def _make(roots: Iterable[Path], at_most: int | None, stack: contextlib.ExitStack) -> Path | None:
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
        try:
            if at_most is not None:
                (path / "pids.max").write_text(str(at_most))
        except OSError:  # the controller is not there
            path.rmdir()
            continue
        stack.callback(_remove, path)
        return path
    return None


def _remove(path: Path) -> None:
    """Once the last process is gone, which takes a moment after a kill."""
    for _ in range(_PATIENCE):
        with contextlib.suppress(OSError):
            _remove_all(path)
            return
        time.sleep(_PAUSE_S)


def _remove_all(path: Path) -> None:
    for folder, _, _ in os.walk(os.fsencode(path), topdown=False):
        os.rmdir(folder)


def _remove_abandoned(root: Path) -> None:
    for path in root.glob(f"{NAME}*"):
        pid = re.fullmatch(r"[0-9]+", path.name.removeprefix(NAME))
        if pid and not Path(f"/proc/{pid[0]}").exists():
            with contextlib.suppress(OSError):
                _remove_all(path)
