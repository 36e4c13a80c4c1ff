"""The whole flow: records from the kernel become events, events become rows.

Everything the loop touches is a parameter; `cli/session/wiring.py` wires it.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from execdb.collector.backlog import Batch, Waiting
from execdb.collector.decode import Decoder
from execdb.collector.ledger import Ledger
from execdb.collector.running.meeting import Meeting, Running
from execdb.store.account import Account, Cause, Counts
from execdb.store.errors import DatabaseBusy, DatabaseFull, DatabaseRefused
from execdb.store.event import End, Exec, ImageKey

DRAIN_S = 0.1  # how often the rings are emptied
_SETTLE_NS = 5_000_000  # a younger record may have an older one behind it, on another CPU
_LAST_ATTEMPTS = 330  # to store the last of them while another program holds the lock
_RETRY_NS = 1_000_000_000  # how soon it is tried again after the disk has refused
_SPARING_NS = 1_000_000_000  # how often the ledger is written where there is no room
_EVER_NS = 1 << 62
_ALIVE_NS = 5_000_000_000  # how often, where there is nothing to write


class KernelCounts(Protocol):
    @property
    def seen(self) -> int: ...
    @property
    def lost(self) -> int: ...
    @property
    def ends_lost(self) -> int: ...
    @property
    def untracked(self) -> int: ...
    @property
    def skipped(self) -> int: ...
    @property
    def cut(self) -> int: ...


class Source(Protocol):
    """Where records come from: `read` gives stretches of them, as they stand in a ring, a few
    megabytes at a time; `unread_ns` tells from when on some are left, None if there are none.
    `track` makes the kernel follow forks and ends, `attach` also execs."""

    def track(self) -> None: ...
    def attach(self) -> None: ...
    def detach(self) -> None: ...
    def wait(self, timeout_s: float) -> None: ...
    def read(self) -> Iterator[bytes]: ...
    def unread_ns(self) -> int | None: ...
    def follow(self, image: ImageKey) -> None: ...
    def adopt(self, image: ImageKey) -> bool: ...
    def counts(self) -> KernelCounts: ...


class Sink(Protocol):
    """Where events go; `write` returns the ids of the execs' rows. `know` tells of images that
    ran before and may turn out to be parents, and returns by which keys they will be named."""

    def know(self, images: Sequence[Exec]) -> Sequence[ImageKey]: ...
    def write(
        self, execs: Sequence[Exec], ends: Sequence[End], counts: Counts, account: Account
    ) -> Sequence[int]: ...
    def finish(self, ended_ns: int, counts: Counts, account: Account) -> None: ...


class Clock(Protocol):
    def boot_ns(self) -> int: ...
    def offset_ns(self) -> int: ...


class Mirror(Protocol):
    def update(self, now_s: float) -> None: ...


class Room(Protocol):
    """Why nothing should be stored now; None if it may."""

    def lack(self, now_s: float) -> Cause | None: ...


@dataclass(frozen=True)
class Parts:
    """What the loop is wired to. `show` is called with (ids, events) after each commit;
    `running` looks for the images that run already; `tidy` is called once a drain and takes some
    milliseconds, more while old rows must go; `warn` tells the user; at most `batch_max` execs are
    stored at once; `look_at_cuts` is called with how many execs had their arguments cut by the
    kernel's program, and with the boot time."""

    source: Source
    sink: Sink
    mirror: Mirror
    clock: Clock
    show: Callable[[Sequence[int], Sequence[Exec]], None]
    running: Running
    tidy: Callable[[], None]
    room: Room
    warn: Callable[[str], None]
    batch_max: int
    look_at_cuts: Callable[[int, int], None]


class Collector:
    """One collector life: `run` from attach to the last row; `ledger` counts what became of every
    exec, `counts` is what of it was written. Where the end could not be stored `failure` says
    why."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._decoder = Decoder()
        self._waiting = Waiting(parts.batch_max)
        self.ledger = Ledger(parts.warn)
        self.counts = self.ledger.counts()
        self.ends_lost = 0
        self.failure: str | None = None
        self._uncounted = 0  # execs given up since storing last worked
        self._disk: DatabaseRefused | None = None  # what it said last, if it refused
        # Moments of boot time:
        self._drained_ns = 0
        self._unread_ns: int | None = None  # what is younger may still be in the rings
        self._more = False  # the last batch was not all there was to store
        self._settled_ns = 0  # what is older is stored or counted
        self._written_ns = 0
        self._retry_ns = 0  # before that the disk is not tried again

    def run(self, stopped: Callable[[], bool], started: Callable[[], None]) -> None:
        """Records until `stopped` says so; calls `started` once recording."""
        parts = self._parts
        with contextlib.suppress(DatabaseRefused):  # only to confirm it: the next step tries again
            parts.mirror.update(self._now_ns() / 1e9)  # the first event already carries its message
        running = Meeting(
            parts.running, parts.source, parts.sink, self._has_room, self._now_ns, parts.warn
        )
        running.before()
        try:
            parts.source.track()
            running.between()
            parts.source.attach()
            self._begin()
            running.after(self._step, stopped)
            started()
            while not stopped():
                parts.source.wait(0 if self._more or self._unread_ns is not None else DRAIN_S)
                self._step()
        finally:
            parts.source.detach()
        self._finish()

    def _now_ns(self) -> int:
        return self._parts.clock.boot_ns()

    def _begin(self) -> None:
        now_ns = self._now_ns()
        self._drained_ns = self._settled_ns = self._written_ns = now_ns
        self.ledger.begin(now_ns, self._parts.clock.offset_ns())

    def _has_room(self) -> bool:
        return self._lack(self._now_ns()) is None

    def _step(self) -> None:
        now_s = self._now_ns() / 1e9
        with contextlib.suppress(DatabaseRefused):  # the next step tries again
            self._parts.mirror.update(now_s)
        self._store(max(self._drain() - _SETTLE_NS, self._settled_ns))
        with contextlib.suppress(DatabaseRefused):
            self._parts.tidy()

    def _drain(self) -> int:
        """Reads what is in the rings, or a part where that is much. Returns up to when everything
        has been read."""
        before_ns = self._now_ns()  # what is older is in a ring by now
        chunks, offset_ns = self._parts.source.read(), self._parts.clock.offset_ns()
        self.ledger.follow_clock(self._drained_ns, offset_ns)
        decoded = self._decoder.decode(chunks, offset_ns)
        self._waiting.add(decoded, self._decoder.size_bytes)
        kernel = self._parts.source.counts()
        since_ns, self._drained_ns = self._drained_ns, self._now_ns()
        if decoded.unreadable:
            self.ledger.lose(Cause.UNREADABLE, decoded.unreadable, since_ns, self._drained_ns)
        self.ledger.lose_all_of(Cause.RING_FULL, kernel.lost, since_ns, self._drained_ns)
        self.ledger.lose_all_of(Cause.SKIPPED, kernel.skipped, since_ns, self._drained_ns)
        self._parts.look_at_cuts(kernel.cut, self._drained_ns)
        self._unread_ns = self._parts.source.unread_ns()
        return before_ns if self._unread_ns is None else min(before_ns, self._unread_ns)

    def _store(self, until_ns: int) -> None:
        """Stores what is older than `until_ns`; where there is no room for it, counts it."""
        now_ns = self._now_ns()
        cause = self._lack(now_ns)
        if cause is not None:
            self._give_up(cause, until_ns)
        if now_ns >= self._retry_ns:
            self._try(cause, until_ns, now_ns)
        self._bound()

    def _try(self, cause: Cause | None, until_ns: int, now_ns: int) -> None:
        self._more = False
        batch = self._waiting.batch(until_ns) if cause is None else Batch([], [], until_ns)
        something = batch.execs or batch.ends
        if not something and not self._is_due(now_ns, sparing=cause is not None):
            return
        try:
            self._write(batch)
        except DatabaseBusy:
            return  # the next step tries again
        except DatabaseRefused as error:
            self._refused(error, until_ns, now_ns)
        else:
            self._disk = None
            self._more = batch.until_ns < until_ns
            if cause is None and self._uncounted:
                self._parts.warn(
                    f"storing again; {self._uncounted} execs were counted meanwhile, not stored"
                )
                self._uncounted = 0

    def _refused(self, error: DatabaseRefused, until_ns: int, now_ns: int) -> None:
        """A full disk takes nothing until someone makes room; from any other trouble it may
        recover by itself, and events wait."""
        self._retry_ns = now_ns + _RETRY_NS
        if isinstance(error, DatabaseFull):
            self._give_up(Cause.NO_SPACE, until_ns)
        elif self._disk is None:
            self._parts.warn(f"{error}; recording continues")
        self._disk = error

    def _lack(self, now_ns: int) -> Cause | None:
        """Why nothing should be stored now."""
        if isinstance(self._disk, DatabaseFull) and now_ns < self._retry_ns:
            return Cause.NO_SPACE
        return self._parts.room.lack(now_ns / 1e9)

    def _is_due(self, now_ns: int, *, sparing: bool) -> bool:
        """Whether the ledger alone is to be written."""
        waited_ns = now_ns - self._written_ns
        changed = self.ledger.pending or self.ledger.counts() != self.counts
        return waited_ns >= _ALIVE_NS or (changed and waited_ns >= _SPARING_NS * sparing)

    def _write(self, batch: Batch) -> None:
        """Raises DatabaseError, and then nothing has changed."""
        execs, ends, until_ns = batch
        until_ns = min(until_ns, self._drained_ns)
        counts = self.ledger.counts(len(execs))
        # A stretch of time ends before its last moment, and what happened at `until_ns` is stored.
        ids = self._parts.sink.write(execs, ends, counts, self.ledger.account(until_ns + 1))
        self.ledger.stored += len(execs)
        self.ledger.kept()
        self.counts = counts
        self._settled_ns, self._written_ns = until_ns, self._now_ns()
        self._waiting.stored(batch)
        if execs:
            self._parts.show(ids, execs)

    def _give_up(self, cause: Cause, until_ns: int) -> None:
        """Counts what would have been stored up to then."""
        execs = self._waiting.give_up(until_ns)
        until_ns = min(until_ns, self._drained_ns)
        since_ns = min(self._settled_ns, until_ns, *(event.boot_ns for event in execs[:1]))
        self.ledger.lose(cause, len(execs), since_ns, until_ns)
        self._uncounted += len(execs)
        self._settled_ns = max(self._settled_ns, until_ns)

    def _bound(self) -> None:
        """Gives up the oldest of what waits where that is too much."""
        until_ns = self._waiting.too_many_ns()
        if until_ns is None:
            return
        if self._waiting.execs:
            self._give_up(Cause.REFUSED, until_ns)
        self.ends_lost += self._waiting.drop_ends(until_ns)

    def _finish(self) -> None:
        """The rest, and the final ledger: the kernel's own count stands now, and what is missing
        was lost."""
        ended_ns = self._now_ns()
        since_ns = self._drained_ns
        read_ns = self._drain()
        while self._unread_ns is not None:
            self._store(max(read_ns - _SETTLE_NS, self._settled_ns))
            read_ns = self._drain()
        kernel = self._parts.source.counts()
        here = self.ledger.counts(self._waiting.execs).seen
        missing = kernel.seen + kernel.skipped - here
        if missing > 0:
            self.ledger.lose(Cause.MISSING, missing, since_ns, self._drained_ns)
        self._store_the_rest()
        self._close(ended_ns + self._parts.clock.offset_ns())

    def _store_the_rest(self) -> None:
        cause = self._lack(self._now_ns())
        if cause is not None:
            self.failure = f"the last execs could not be stored: {cause}"
        while self.failure is None and (self._waiting.execs or self._waiting.ends):
            try:
                _patiently(partial(self._write, self._waiting.batch(_EVER_NS)), _LAST_ATTEMPTS)
            except DatabaseRefused as error:
                cause = Cause.NO_SPACE if isinstance(error, DatabaseFull) else Cause.REFUSED
                self.failure = f"the last execs could not be stored: {error}"
        if cause is not None:
            self._give_up(cause, _EVER_NS)
            self.ends_lost += self._waiting.ends

    def _close(self, ended_ns: int) -> None:
        counts, account = self.ledger.counts(), self.ledger.account(self._drained_ns)
        finish = partial(self._parts.sink.finish, ended_ns, counts, account)
        try:
            _patiently(finish, _LAST_ATTEMPTS if self.failure is None else 1)
        except DatabaseRefused as error:
            self.failure = f"the ledger of this run could not be stored: {error}"
        else:
            self.ledger.kept()
            self.counts = counts


def _patiently(write: Callable[[], None], attempts: int) -> None:
    """Tries so often while another program holds the lock. Raises DatabaseError."""
    for _ in range(attempts - 1):
        with contextlib.suppress(DatabaseBusy):
            return write()
    return write()
