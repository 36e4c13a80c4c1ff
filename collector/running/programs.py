"""The programs that run already, read from /proc in slices."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from execdb.collector.running import namespaces
from execdb.collector.running.namespaces import PROC
from execdb.collector.running.process import Process, image_of, opened, process
from execdb.store.event import Exec

_TOGETHER = 128  # processes in a slice: meanwhile the rings fill
_SLICE_BYTES = 256 << 10  # of arguments in a slice
_UID_BYTES = 4_000_000  # of all arguments over CMDLINE_CUT, for each user
ALL_BYTES = 16_000_000  # the same for all users together

Slice = list[Exec]


class RunningPrograms:
    """Finds what runs, and what is new, each time it looks. `offset_ns` returns CLOCK_REALTIME -
    CLOCK_BOOTTIME; `shift_ns` is how far boot time is ahead in this time namespace; once all
    arguments take `arguments_max` bytes, further ones are cut to CMDLINE_CUT."""

    def __init__(
        self,
        offset_ns: Callable[[], int],
        shift_ns: int = 0,
        arguments_max: int = ALL_BYTES,
        proc: Path = PROC,
    ) -> None:
        self._offset_ns, self._shift_ns, self._proc = offset_ns, shift_ns, str(proc)
        self._now_offset_ns = offset_ns()
        self._budget = _Budget(min(arguments_max, ALL_BYTES))
        self._read: dict[int, Process] = {}  # as it was when it was last read
        self._known: dict[int, Process] = {}  # as it was when `look` returned it
        self._blind = namespaces.shows_other_pids(proc)
        self._cgroups = namespaces.is_first("cgroup", proc)
        self._first = namespaces.first_namespaces(proc)
        self._hidden = not self._blind and namespaces.hides_processes(proc)

    @property
    def lack(self) -> str | None:
        """Why not all that runs can be found, in words for the user; None if it can."""
        if self._blind:
            return (
                "/proc has the process ids of another PID namespace: programs that run already are "
                "not known and missing as parents; start the collector in the machine's own"
            )
        if self._hidden:
            return "/proc hides processes of others (hidepid): those that run already are not known"
        return None

    def look(self) -> Iterator[Slice]:
        """What is new since the last look, or runs another program by now, the oldest first; new
        processes before known ones. Some slices are empty, so that the caller gets a turn now and
        then. A process that has ended or cannot be read is left out. The `parent` of an image is
        the image that the parent process runs now."""
        self._now_offset_ns = self._offset_ns()
        pids = [] if self._blind else self._pids()
        known = [pid for pid in pids if pid in self._known]
        for some in ([pid for pid in pids if pid not in self._known], known):
            changed: list[int] = []
            for together in _in_slices(some):
                changed += [pid for pid in together if self._has_changed(pid)]
                yield []
            changed.sort(key=lambda pid: (self._read[pid].start_ns, pid))
            yield from self._slices(changed)

    def forget(self) -> None:
        """There will be no further look."""
        self._read, self._known = {}, {}

    def _pids(self) -> list[int]:
        try:
            return [int(name) for name in os.listdir(self._proc) if name.isdecimal()]
        except OSError:
            return []

    def _has_changed(self, pid: int) -> bool:
        try:
            with opened(self._proc, pid) as folder:
                found = process(folder, pid, self._shift_ns)
        except _UNREADABLE:
            return False
        before = self._known.get(pid)
        if found is None or (before is not None and _same(before, found)):
            return False
        self._read[pid] = found
        return True

    def _slices(self, pids: Iterable[int]) -> Iterator[Slice]:
        images: Slice = []
        size = 0
        for pid in pids:
            image = self._image(pid)
            if image is not None:
                images.append(image)
                size += sum(map(len, image.command.argv)) + 50 * len(image.command.argv)
            if len(images) >= _TOGETHER or size >= _SLICE_BYTES:
                yield images
                images, size = [], 0
        yield images

    def _image(self, pid: int) -> Exec | None:
        try:
            with opened(self._proc, pid) as folder:
                before: Process | None = self._read[pid]
                for _ in range(_ATTEMPTS):
                    if before is None:
                        break
                    image = image_of(
                        folder,
                        before,
                        self._now_offset_ns,
                        self._budget.take,
                        self._first,
                        cgroups=self._cgroups,
                    )
                    known, before = before, process(folder, pid, self._shift_ns)
                    if before is None or _same(known, before):
                        self._known[pid] = self._read[pid] = known
                        return image._replace(parent=self._parent(known))
        except _UNREADABLE:
            pass
        return None

    def _parent(self, child: Process) -> tuple[int, int] | None:
        """None if another process has the parent's pid by now: that one began later."""
        parent = self._read.get(child.ppid)
        if parent is None or parent.start_ns > child.start_ns:
            return None
        return parent.start_ns, parent.pid


_ATTEMPTS = 3  # to read all of it between two execs of a process
_UNREADABLE = (OSError, ValueError, LookupError)


def _same(one: Process, other: Process) -> bool:
    return (one.start_ns, one.program) == (other.start_ns, other.program)


def _in_slices(pids: Sequence[int]) -> Iterator[list[int]]:
    rest = iter(pids)
    while together := list(islice(rest, 4 * _TOGETHER)):
        yield together


class _Budget:
    """`most` bytes for all, and a part of them for each user, so that the arguments of one user do
    not use up what others need."""

    def __init__(self, most: int) -> None:
        self._left = most
        self._each = min(_UID_BYTES, most // 2)
        self._taken: dict[int, int] = {}

    def take(self, uid: int, size: int) -> bool:
        taken = self._taken.get(uid, 0) + size
        if size > self._left or taken > self._each:
            return False
        self._left -= size
        self._taken[uid] = taken
        return True
