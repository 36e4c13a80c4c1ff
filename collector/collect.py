"""The whole flow: records from the kernel become events, events become rows.

`Collector.run` shows it on one screen. Everything it works with is a parameter.
"""

import contextlib
from collections.abc import Callable

from execdb.collector.backlog import Backlog
from execdb.collector.decoding.decoder import Decoded, Decoder
from execdb.collector.interfaces import KernelCounts, Wiring
from execdb.collector.ledger import Ledger
from execdb.collector.rest import GATHER_S, OVERDUE_S, Rest
from execdb.collector.running.catch_up import CatchUp
from execdb.collector.storage import Storage
from execdb.collector.succession.overlap import Seen
from execdb.store.account import Cause
from execdb.store.errors import DatabaseRefused

_SETTLE_NS = 5_000_000  # a younger record may be followed by an older one, from another CPU


class Collector:
    """One recording: `run` from attaching to the last row. `ledger` counts what became of every
    exec; `storage` knows what of it is in the database."""

    def __init__(self, wiring: Wiring, decoder: Decoder | None = None) -> None:
        self._wiring = wiring
        self._decoder = decoder or Decoder()
        self._backlog = Backlog(wiring.batch_max)
        self.ledger = Ledger(wiring.warn)
        self.storage = Storage(wiring, self._backlog, self.ledger)
        self._rest = Rest()
        self._untidy = False  # whether there is more to remove from the file
        self._taken: tuple[Seen, int] | None = None
        self._unread_ns: int | None = None  # boot time; younger records may still be in the rings
        self._read_ns = 0  # boot time up to which everything has been read
        self._counted: KernelCounts | None = None  # by the last drain
        self._offset_ns = 0  # of the wall clock from boot time, at the last drain

    def run(self, stopped: Callable[[], bool], started: Callable[[], None]) -> None:
        """Records until `stopped` returns True; calls `started` once recording."""
        source = self._wiring.source
        self._follow_config()  # so that the first event already carries its message
        try:
            if self._taken is None:
                self._attach(stopped)
            else:
                self._go_on(*self._taken)
            started()
            while not stopped():
                if self._wait():
                    self._step()
                else:
                    self._follow_config()
        finally:
            source.detach()
        self._finish()

    def take(self, seen: Seen, begun_ns: int) -> None:
        """To be called before `run` if the source is attached already: what it has seen that no
        earlier run has stored. The run begins at this boot time."""
        self._taken = seen, begun_ns

    def _attach(self, stopped: Callable[[], bool]) -> None:
        source, running = self._wiring.source, self._catch_up()
        running.before()
        source.track()
        running.between()
        source.attach()
        self._begin(self._now_ns())
        running.after(self._step, stopped)

    def _go_on(self, seen: Seen, begun_ns: int) -> None:
        self._begin(begun_ns)
        self._backlog.add(Decoded(seen.execs, seen.ends, 0), seen.size_bytes)
        self._step()

    def limit_batches(self, batch_max: int) -> None:
        """From now on at most so many execs are stored at once."""
        self._backlog.limit_batches(batch_max)

    def _wait(self) -> bool:
        """Until the next drain. False if nothing has happened, so that none is needed."""
        source, files = self._wiring.source, self._wiring.files
        if self._is_behind():
            source.wait(0)
            return True
        if files.changed():
            self._follow_config()  # also if this process has written meanwhile
            if files.by_others():
                self._rest.touched_by_others(self._now_s())
        waiting, untidy = self._backlog.waits, self._untidy
        wait_s = self._rest.wait_s(self._now_s(), waiting=waiting, untidy=untidy)
        if wait_s is not None:
            source.wait(wait_s)
            return True
        if source.sleep(self._sleep_s()):
            source.wait(GATHER_S)
            return True
        return self._has_to_look()

    def _sleep_s(self) -> float:
        """How long at most: until the ledger is due, or something has to be looked at."""
        due_s = self.storage.due_s(self._now_ns())
        look_s = min(self._wiring.mirror.look_s, self._wiring.files.look_s)
        return min(look_s, due_s if due_s > 0 else OVERDUE_S)

    def _has_to_look(self) -> bool:
        """After a sleep in which nothing happened: whether there is something to write, or the
        last drain is so long ago that the files and the limits have to be checked again."""
        wiring, now_ns = self._wiring, self._now_ns()
        return (
            now_ns - self.storage.drained_ns >= wiring.files.look_s * 1e9
            or self.storage.is_due(now_ns)
            or wiring.source.counts() != self._counted
            or wiring.clock.offset_ns() != self._offset_ns
        )

    def _step(self) -> None:
        self._follow_config()
        if not (self.storage.behind and self._backlog.is_large):  # else the rings may fill
            self._read_ns = self._drain()
        self.storage.store(self._read_ns - _SETTLE_NS)
        with contextlib.suppress(DatabaseRefused):  # the next step tries again
            self._untidy = self._wiring.tidy()

    def _drain(self) -> int:
        """Moves what is in the rings, or a part of it if it is much, into the backlog. Returns the
        boot time up to which everything has been read."""
        source = self._wiring.source
        before_ns = self._now_ns()  # every older record is in a ring by now
        chunks, self._offset_ns = source.read(), self._wiring.clock.offset_ns()
        offset_ns = self._offset_ns
        self.ledger.follow_clock(self.storage.drained_ns, offset_ns)
        decoded = self._decoder.decode(chunks, offset_ns)
        self._backlog.add(decoded, self._decoder.size_bytes)
        self._count_losses(decoded.unreadable)
        self._rest.took(len(decoded.execs) + len(decoded.ends), self._now_s())
        self._unread_ns = source.unread_ns()
        return before_ns if self._unread_ns is None else min(before_ns, self._unread_ns)

    def _count_losses(self, unreadable: int) -> None:
        """Of the time since the last drain."""
        kernel = self._counted = self._wiring.source.counts()
        since_ns, now_ns = self.storage.drained_ns, self._now_ns()
        self.storage.drained_ns = now_ns
        if unreadable:
            self.ledger.lose(Cause.UNREADABLE, unreadable, since_ns, now_ns)
        self.ledger.lose_all_of(Cause.RING_FULL, kernel.lost, since_ns, now_ns)
        self.ledger.lose_all_of(Cause.SKIPPED, kernel.skipped, since_ns, now_ns)
        self._wiring.filtered.look(kernel.filtered, now_ns, self.ledger.leave_out)
        self._wiring.look_at_cuts(kernel.cut, now_ns)

    def _finish(self) -> None:
        """Reads and stores the rest, and the final ledger."""
        ended_ns, since_ns = self._now_ns(), self.storage.drained_ns
        read_ns = self._drain()
        while self._unread_ns is not None:
            self.storage.store(read_ns - _SETTLE_NS)
            if not (self.storage.behind and self._backlog.is_large):
                read_ns = self._drain()
        self._count_missing(since_ns)
        self.storage.store_the_rest()
        self.storage.close(ended_ns + self._wiring.clock.offset_ns())

    def _count_missing(self, since_ns: int) -> None:
        """The kernel's own count is final now: what has not arrived was lost."""
        kernel = self._wiring.source.counts()
        now_ns = self.storage.drained_ns
        self._wiring.filtered.finish(kernel.filtered, now_ns, self.ledger.leave_out)
        arrived = self.ledger.counts(self._backlog.execs).seen
        missing = kernel.seen + kernel.skipped - arrived
        if missing > 0:
            self.ledger.lose(Cause.MISSING, missing, since_ns, now_ns)

    def _begin(self, now_ns: int) -> None:
        self.storage.begin(now_ns)
        self.ledger.begin(now_ns, self._wiring.clock.offset_ns())

    def _follow_config(self) -> None:
        with contextlib.suppress(DatabaseRefused):  # the next step tries again
            self._wiring.mirror.update(self._now_s())

    def _catch_up(self) -> CatchUp:
        wiring = self._wiring
        return CatchUp(
            wiring.running,
            wiring.source,
            wiring.sink,
            self.storage.has_room,
            self._now_ns,
            wiring.warn,
        )

    def _is_behind(self) -> bool:
        """Whether the last step left something in the rings or in the backlog."""
        return self.storage.behind or self._unread_ns is not None

    def _now_ns(self) -> int:
        return self._wiring.clock.boot_ns()

    def _now_s(self) -> float:
        return self._now_ns() / 1e9
