"""What presses: control groups, writers to a disk, and more programs than there are CPUs."""

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

_UNIFIED, _OLD = Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")
_STORMS_FOR_EACH_CPU = 2


def call(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def storms() -> int:
    return _STORMS_FOR_EACH_CPU * (os.cpu_count() or 1)


def scheduler_of(folder: Path) -> Path:
    """Where the scheduler of the folder's disk is chosen."""
    device = folder.stat().st_dev
    disk = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}").resolve()
    return next(
        path / "queue/scheduler" for path in (disk, disk.parent) if (path / "queue").is_dir()
    )


def writing(path: Path, mb: int) -> Sequence[str]:
    """A command that writes, and waits for the disk."""
    return "dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={mb}", "conv=fdatasync"


def writer(path: Path, mb: int) -> Callable[[], int]:
    """Writes once, and returns 1."""

    def write() -> int:
        call(*writing(path, mb))
        return 1

    return write


@contextlib.contextmanager
def meanwhile(works: Sequence[Callable[[], int]]) -> Iterator[Callable[[], int]]:
    """Each work again and again in a thread of its own; yields what gives the sum of what they
    returned so far."""
    done, sums = Event(), [0] * len(works)

    def work(number: int) -> None:
        while not done.is_set():
            sums[number] += works[number]()

    threads = [Thread(target=work, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    try:
        yield lambda: sum(sums)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def _has_memory(controllers: Path) -> bool:
    return controllers.exists() and "memory" in controllers.read_text().split()


class Group:
    """A control group for memory: `MemoryHigh=` where groups are of version 2, else a hard limit,
    at which the kernel takes memory back as above MemoryHigh, but ends the process, instead of
    holding it up, where it can take nothing back."""

    is_unified = _has_memory(_UNIFIED / "cgroup.controllers")
    what = "`MemoryHigh=`" if is_unified else "`memory.limit_in_bytes` (groups of version 1)"

    def __init__(self) -> None:
        self._folder = (_UNIFIED if self.is_unified else _OLD) / "execdb-bench"
        self._limit = self._folder / ("memory.high" if self.is_unified else "memory.limit_in_bytes")
        procs = self._folder / "cgroup.procs"
        self.around = ("sh", "-c", f'echo $$ > {procs} && exec "$@"', "sh")

    def __enter__(self) -> "Group":
        self._folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.rmdir()

    @contextlib.contextmanager
    def limited(self, mb: int | None) -> Iterator[None]:
        none = "max" if self.is_unified else "-1"
        self._limit.write_text(none if mb is None else str(mb << 20))
        try:
            yield
        finally:
            self._limit.write_text(none)

    def reached(self) -> int:
        """How often memory was at the limit."""
        if self.is_unified:
            events = (line.split() for line in (self._folder / "memory.events").open())
            return int(dict(events)["high"])
        return int((self._folder / "memory.failcnt").read_text())
