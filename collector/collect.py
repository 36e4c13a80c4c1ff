"""The whole flow: records from the kernel become events, events become rows.

Everything the loop touches is a parameter; `cli/collect.py` wires it.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Protocol

from execdb.collector.decode import Decoder
from execdb.store.event import Counts, Exec

DRAIN_S = 0.1  # how often the rings are emptied
_SETTLE_NS = 5_000_000  # a younger record may have an older one behind it, on another CPU
_BOOT_NS = attrgetter("boot_ns")
_REFRESH_S = 1.0  # how often CPUs that came online are looked for


class KernelCounts(Protocol):
    @property
    def seen(self) -> int: ...
    @property
    def lost(self) -> int: ...


class Source(Protocol):
    """Where records come from."""

    def attach(self) -> None: ...
    def detach(self) -> None: ...
    def wait(self, timeout_s: float) -> None: ...
    def read(self) -> Iterator[bytes]: ...
    def refresh(self) -> None: ...
    def counts(self) -> KernelCounts: ...


class Sink(Protocol):
    """Where events go; `write` returns the id of the first row."""

    def write(self, execs: Sequence[Exec], counts: Counts) -> int: ...


class Clock(Protocol):
    def boot_ns(self) -> int: ...
    def offset_ns(self) -> int: ...


class Mirror(Protocol):
    def update(self, now_s: float) -> None: ...


@dataclass(frozen=True)
class Parts:
    """What the loop is wired to. `show` is called with (first id, events) after each commit."""

    source: Source
    sink: Sink
    mirror: Mirror
    clock: Clock
    show: Callable[[int, Sequence[Exec]], None]


class Collector:
    """One collector life: `run` from attach to the last row; `counts` is its ledger."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._decoder = Decoder()
        self._waiting: list[Exec] = []
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
            started()
            while not stopped():
                parts.source.wait(DRAIN_S)
                self._step()
        finally:
            parts.source.detach()
        self._drain(settle_ns=0)
        self._store(final=True)

    def _now_s(self) -> float:
        return self._parts.clock.boot_ns() / 1e9

    def _step(self) -> None:
        now_s = self._now_s()
        self._parts.mirror.update(now_s)
        if now_s - self._refreshed_s >= _REFRESH_S:
            self._parts.source.refresh()
            self._refreshed_s = now_s
        self._drain(settle_ns=_SETTLE_NS)
        self._store(final=False)

    def _drain(self, settle_ns: int) -> None:
        """Empties the rings into `_waiting`, in order of boot time over all CPUs."""
        records, offset_ns = self._parts.source.read(), self._parts.clock.offset_ns()
        execs, unreadable = self._decoder.decode(records, offset_ns)
        self._unreadable += unreadable
        self._waiting += execs
        self._waiting.sort(key=_BOOT_NS)
        self._ready = self._settled(settle_ns)

    def _settled(self, settle_ns: int) -> int:
        """How many of the waiting events nothing older can precede any more."""
        if not settle_ns:
            return len(self._waiting)
        limit = self._parts.clock.boot_ns() - settle_ns
        ready = len(self._waiting)
        while ready and self._waiting[ready - 1].boot_ns > limit:
            ready -= 1
        return ready

    def _store(self, final: bool) -> None:
        ready = self._waiting[: self._ready]
        counts = self._ledger(len(ready), final)
        if ready or counts != self.counts:
            first = self._parts.sink.write(ready, counts)
            self._stored += len(ready)
            self.counts = counts
            del self._waiting[: self._ready]
            if ready:
                self._parts.show(first, ready)

    def _ledger(self, more: int, final: bool) -> Counts:
        """seen = stored + filtered + lost. While recording, events on their way count as not yet
        seen; at the end the kernel's own count stands, and what is missing was lost."""
        kernel = self._parts.source.counts()
        stored = self._stored + more
        lost = kernel.lost + self._unreadable
        if final:
            lost = max(lost, kernel.seen - stored)
        return Counts(seen=stored + lost, stored=stored, filtered=0, lost=lost)
