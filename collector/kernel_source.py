"""The kernel as a source of records: loads, attaches, drains, counts."""

import contextlib
import os
import select
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from execdb.bpf import arch
from execdb.bpf.loading.loader import load
from execdb.bpf.map import Map
from execdb.bpf.offsets import BTF_PATH
from execdb.bpf.program import ALWAYS, Hook, Program, attempt_hooks, close_all, misses, names_of
from execdb.bpf.requirements import default_ring_pages
from execdb.bpf.rings.bell import Bell
from execdb.bpf.rings.rings import Rings, open_rings
from execdb.bpf.rings.spare_ring import SpareRing
from execdb.bpf.wire import BUDGET, COUNTERS, CPU_UNKNOWN, IMAGE, OTHER_UIDS
from execdb.collector.running.namespaces import first_namespaces
from execdb.store.event import ImageKey

_TRACKING = ("on_fork", "on_exit")
_LAST_CALLS_S, _LAST_LOOKS = 0.1, 10  # how long the end waits for calls that are under way


def _running(image: ImageKey) -> bytes:
    """A value of the map `images`, for an image that began before the programs were loaded."""
    return IMAGE.pack(*image, 1, CPU_UNKNOWN, 0, 0)


class KernelCounts(NamedTuple):
    """Totals over all CPUs since the program was attached."""

    seen: int
    lost: int
    ends_lost: int
    untracked: int
    skipped: int  # execs for which the kernel did not run the program; not counted in `seen`
    filtered: int  # what rules and limits left out
    cut: int  # execs whose arguments were cut for a budget or a ring that fills


class KernelSource:
    """The BPF programs of this process. Nothing of them outlives its descriptors.

    `compiling` is called once only another process works on loading them. Raises KernelError if
    they cannot be loaded or attached, Interrupted as soon as the descriptor `interrupt` has
    something to read.
    """

    def __init__(
        self,
        ring_pages: int | None = None,  # of each CPU; None: as this machine allows
        *,
        attempts: bool = False,
        btf: Path = BTF_PATH,
        interrupt: int | None = None,
        compiling: Callable[[], None] = lambda: None,
    ) -> None:
        pages = ring_pages or default_ring_pages()
        more = attempt_hooks(arch.this()) if attempts else ()
        self.hooks: tuple[Hook, ...] = (*more, *ALWAYS)
        self.program: Program = load(
            self.hooks,
            btf,
            ring_pages=pages,
            first_mnt_ns=first_namespaces().mnt,
            interrupt=interrupt,
            compiling=compiling,
        )
        self._links: list[int] = []
        self._inherited: dict[int, bytes] = {}
        self._before = KernelCounts(0, 0, 0, 0, 0, 0, 0)  # what is not ours to count
        self._followed: dict[int, int] = {}  # process -> boot_ns of its image
        self._link_names: list[str] = []
        self._missed = -1, 0  # what was seen when execs without the program were last counted
        on_exec = self.program.descriptors["on_exec"]
        self._fdinfo = os.open(f"/proc/self/fdinfo/{on_exec}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            program = self.program
            self._rings = Rings(
                open_rings(program.output, pages),
                SpareRing(program.spare.fd),
                program.drained,
                self._submitted,
                Bell(program.bell.fd, program.asleep.fd),
            )
        except BaseException:
            self.program.close()
            raise

    def track(self) -> None:
        """From here on forks and ends are followed."""
        self._attach(hook for hook in self.hooks if hook.program in _TRACKING)

    def attach(self) -> None:
        """From here on every exec is counted."""
        if not self._links:
            self.track()
        self._attach(hook for hook in self.hooks if hook.program not in _TRACKING)
        self.program.note_attempts(True)

    def _attach(self, hooks: Iterable[Hook]) -> None:
        self._links += self.program.attach(list(hooks))
        self._link_names = names_of(self._links)

    def detach(self) -> None:
        """From here on no exec is counted; what is in the rings can still be read."""
        if self._links:
            with contextlib.suppress(OSError):
                self.program.note_attempts(False)
            self._let_calls_end()
        close_all(self._links)

    def _let_calls_end(self) -> None:
        """Waits a moment for calls that have begun, so that they are recorded if they fail."""
        for _ in range(_LAST_LOOKS):
            if self._totals()[6] <= 0:
                return
            time.sleep(_LAST_CALLS_S / _LAST_LOOKS)

    def _totals(self) -> list[int]:
        cpus = COUNTERS.iter_unpack(self.program.counters[0])
        return [sum(each) for each in zip(*cpus, strict=True)]

    def _submitted(self, cpu: int) -> int:
        found: int = COUNTERS.unpack_from(self.program.counters[0], cpu * COUNTERS.size)[-1]
        return found

    def gone(self) -> str | None:
        """A sentence if something else has detached the programs; None if all is well."""
        if names_of(self._links) == self._link_names:
            return None
        return "something else detached the BPF programs: start again"

    def follow(self, image: ImageKey) -> None:
        """Before `track`: tells the kernel of an image that runs. Raises OSError."""
        boot_ns, pid = image
        self.program.images[pid] = _running(image)
        self._followed[pid] = boot_ns

    def adopt(self, image: ImageKey) -> bool:
        """The same afterwards; False if the kernel has seen a fork or an exec of that process, and
        so has a later image. Raises OSError."""
        boot_ns, pid = image
        new = _running(image)
        before = self._followed.get(pid)
        try:
            if before is None:
                self.program.images.insert(pid, new)
            elif self.program.images[pid] == _running((before, pid)):
                self.program.images[pid] = new
            else:
                return False
        except (FileExistsError, KeyError):  # a fork came first, or its end
            return False
        self._followed[pid] = boot_ns
        return True

    def inherit(self, theirs: Map) -> None:
        """Takes from the map of another collector which image each process runs, before `track`,
        after it, and after `attach`: where our programs have not seen a later one. Raises OSError.
        """
        images, inherited, found = self.program.images, self._inherited, {*theirs}
        for pid in found:
            try:
                new, old = theirs[pid], inherited.get(pid)
                if old is None:
                    images.insert(pid, new)
                elif old == new or images[pid] != old:
                    continue
                else:
                    images[pid] = new
            except (FileExistsError, KeyError):  # a fork came first, or its end
                continue
            inherited[pid] = new
        for pid in {*inherited} - found:
            with contextlib.suppress(KeyError):
                if images[pid] == inherited.pop(pid):
                    del images[pid]

    def rename(self, began: Mapping[ImageKey, int]) -> None:
        """Images that run get another boot time: that of the row which they have already."""
        images = self.program.images
        for pid in {*images}:
            with contextlib.suppress(KeyError):
                before = images[pid]
                boot_ns, image_pid, *rest = IMAGE.unpack(before)
                new_ns = began.get((boot_ns, image_pid))
                if new_ns is not None and images[pid] == before:
                    images[pid] = IMAGE.pack(new_ns, image_pid, *rest)

    def begin_to_count(self) -> None:
        """What was lost or left out until now, another collector has counted."""
        counts = self.counts()
        self._before = counts._replace(seen=counts.lost + counts.filtered)

    def leave_out(self, execs: int) -> None:
        """So many more of those that were seen, another collector has counted."""
        self._before = self._before._replace(seen=self._before.seen + execs)

    def wait(self, timeout_s: float) -> None:
        self._rings.wait(timeout_s)

    def sleep(self, timeout_s: float) -> bool:
        return self._rings.sleep(timeout_s)

    def watch(self, fd: int, events: int = select.POLLIN, *, asleep: bool = False) -> None:
        """Waits also end at these events of a descriptor (poll(2)); those that are not a sleep do
        not if it is for `asleep` alone."""
        self._rings.watch(fd, events, asleep=asleep)

    def read(self) -> Iterator[bytes]:
        return self._rings.read()

    def unread_ns(self) -> int | None:
        return self._rings.unread_ns()

    def counts(self) -> KernelCounts:
        seen, lost, ends_lost, untracked, cut, untold, open_, filtered, _ = self._totals()
        # The kernel skips the program only where it runs already, and that counts as well.
        if seen != self._missed[0] or not self._links:
            self._missed = seen, misses(self._fdinfo)
        skipped = self._missed[1] + untold
        if not self._links and open_ > 0:  # no return can be seen any more
            skipped += open_
        counts = seen, lost, ends_lost, untracked, skipped, filtered, cut
        return KernelCounts(*map(int.__sub__, counts, self._before))

    def cut_by_user(self) -> dict[int, int]:
        """How many execs of each uid had their arguments cut."""
        budgets = self.program.budgets
        found: Counter[int] = Counter()
        for key in budgets:
            with contextlib.suppress(KeyError):  # the kernel has removed it meanwhile
                found[key & ~OTHER_UIDS] += BUDGET.unpack(budgets[key])[2]
        return +found

    def close(self) -> None:
        self.detach()
        self._rings.close()
        os.close(self._fdinfo)
        self.program.close()
