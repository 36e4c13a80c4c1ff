"""The whole flow: records from the kernel become events, events become rows.

Everything the loop touches is a parameter; `cli/collect.py` wires it.
"""

import contextlib
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol, TypeVar

from execdb.collector.decode import Decoder
from execdb.store.errors import DatabaseBusy
from execdb.store.event import Counts, End, Exec, ImageKey

T = TypeVar("T", Exec, End)

DRAIN_S = 0.1  # how often the rings are emptied
_SETTLE_NS = 5_000_000  # a younger record may have an older one behind it, on another CPU
_BOOT_NS = attrgetter("boot_ns")
_WAITING_MAX = 200_000  # events that wait for a locked database; about 100 MB
_LAST_ATTEMPTS = 100  # to store the last of them
_REFRESH_S = 1.0  # how often CPUs that came online are looked for


class KernelCounts(Protocol):
    @property
    def seen(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def ends_lost(self) -> int: ...
    @property
    def untracked(self) -> int: ...


class Source(Protocol):
    """Where records come from."""

    def attach(self) -> None: ...
    def detach(self) -> None: ...
    def wait(self, timeout_s: float) -> None: ...
    def read(self) -> Iterator[bytes]: ...
    def refresh(self) -> None: ...
    def follow(self, image: ImageKey) -> None: ...
    def counts(self) -> KernelCounts: ...


class Sink(Protocol):
    """Where events go; `write` returns the ids of the execs' rows. `know` tells of images that
    are not recorded themselves but may turn out to be parents."""

    def know(self, images: Sequence[Exec]) -> None: ...
    def write(
        self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts
    ) -> Sequence[int]: ...


class Clock(Protocol):
    def boot_ns(self) -> int: ...
    def offset_ns(self) -> int: ...


class Mirror(Protocol):
    def update(self, now_s: float) -> None: ...


@dataclass(frozen=True)
class Parts:
    """What the loop is wired to. `show` is called with (ids, events) after each commit;
    `running` lists the images that run already, with the clock's offset as its parameter; `tidy`
    is called once a drain and takes at most some milliseconds."""

    source: Source
    sink: Sink
    mirror: Mirror
    clock: Clock
    show: Callable[[Sequence[int], Sequence[Exec]], None]
    running: Callable[[int], Sequence[Exec]]
    tidy: Callable[[], object]


class Collector:
    """One collector life: `run` from attach to the last row; `counts` is its ledger."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._decoder = Decoder()
        self._execs: list[Exec] = []  # decoded, in order, not yet stored
        self._ends: list[End] = []
        self._stored = 0
        self._unreadable = 0
        self._refreshed_s = 0.0
        self.counts = Counts(0, 0, 0, 0)

    def run(self, stopped: Callable[[], bool], started: Callable[[], None]) -> None:
        """Records until `stopped` says so; calls `started` once recording."""
        parts = self._parts
        parts.mirror.update(self._now_s())  # the first event already carries its message
        parts.source.attach()
        try:
            self._meet_the_running()
            started()
            while not stopped():
                parts.source.wait(DRAIN_S)
                self._step()
        finally:
            parts.source.detach()
        self._drain()
        self._store(None)

    def _now_s(self) -> float:
        return self._parts.clock.boot_ns() / 1e9

    def _meet_the_running(self) -> None:
        """Programs that started before us are parents too."""
        images = self._parts.running(self._parts.clock.offset_ns())
        self._parts.sink.know(images)
        for image in images:
            self._parts.source.follow((image.boot_ns, image.pid))

    def _step(self) -> None:
        now_s = self._now_s()
        with contextlib.suppress(DatabaseBusy):  # the next step tries again
            self._parts.mirror.update(now_s)
        if now_s - self._refreshed_s >= _REFRESH_S:
            self._parts.source.refresh()
            self._refreshed_s = now_s
        before_ns = self._parts.clock.boot_ns()  # what is older is in a ring by now
        self._drain()
        self._store(before_ns - _SETTLE_NS)
        with contextlib.suppress(DatabaseBusy):
            self._parts.tidy()

    def _drain(self) -> None:
        """Empties the rings, and puts what they held in order of boot time over all CPUs."""
        records, offset_ns = self._parts.source.read(), self._parts.clock.offset_ns()
        decoded = self._decoder.decode(records, offset_ns)
        self._unreadable += decoded.unreadable
        self._execs += decoded.execs
        self._execs.sort(key=_BOOT_NS)
        self._ends += decoded.ends
        self._ends.sort(key=_BOOT_NS)

    def _store(self, until_ns: int | None) -> None:
        """Stores what is older than `until_ns` (None: everything, and the final ledger)."""
        execs, ends = _settled(self._execs, until_ns), _settled(self._ends, until_ns)
        counts = self._ledger(len(execs), final=until_ns is None)
        if not execs and not ends and counts == self.counts:
            return
        ids = self._write(execs, ends, counts, patient=until_ns is None)
        if ids is None:
            return
        self._stored += len(execs)
        self.counts = counts
        del self._execs[: len(execs)], self._ends[: len(ends)]
        if execs:
            self._parts.show(ids, execs)

    def _write(
        self, execs: list[Exec], ends: list[End], counts: Counts, *, patient: bool
    ) -> Sequence[int] | None:
        """None if the database is locked: events wait then, up to a limit, while the rings
        are drained. At the end there is nothing else to do than wait."""
        attempts = _LAST_ATTEMPTS if patient else 1
        for attempt in range(attempts):
            try:
                return self._parts.sink.write(execs, ends, counts)
            except DatabaseBusy:
                if attempt == attempts - 1 and (patient or len(self._execs) > _WAITING_MAX):
                    raise
        return None

    def _ledger(self, more: int, final: bool) -> Counts:
        """seen = stored + filtered + lost. While recording, events on their way count as not yet
        seen; at the end the kernel's own count stands, and what is missing was lost."""
        kernel = self._parts.source.counts()
        stored = self._stored + more
        lost = kernel.lost + self._unreadable
        if final:
            lost = max(lost, kernel.seen - stored)
        return Counts(seen=stored + lost, stored=stored, filtered=0, lost=lost)


def _settled(events: list[T], until_ns: int | None) -> list[T]:
    """The first of the events, up to a time; they are in order."""
    if until_ns is None:
        return events[:]
    return events[: bisect_right(events, until_ns, key=_BOOT_NS)]
