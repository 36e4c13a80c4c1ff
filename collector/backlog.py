"""Events that were decoded and are not stored yet, in order of boot time over all CPUs. Pure."""

from bisect import bisect_right
from collections import deque
from operator import attrgetter
from typing import NamedTuple, TypeVar

from execdb.collector.decoding.decoder import EXEC_BYTES, STRING_BYTES, Decoded
from execdb.store.event import REPLACED, End, Exec, ImageKey

T = TypeVar("T", Exec, End)

_BOOT_NS = attrgetter("boot_ns")
_BACKLOG_BYTES = 52_000_000  # of memory, while the database is locked
_BATCH_BYTES = 2_000_000  # of memory, for one batch; storing it takes as much again
_BATCH_LEAST, _EACH = 64_000, 250  # bytes, for a file that is to stay small
_GIVEN_UP = 20_000  # images that are remembered because they have no row


class Batch(NamedTuple):
    """What to store next: everything up to `until_ns` (boot time)."""

    execs: list[Exec]
    ends: list[End]
    until_ns: int


class _Portion(NamedTuple):
    """What one drain brought: the memory that it takes, and its latest boot time."""

    last_ns: int
    size_bytes: int


class Backlog:
    """A batch has at most `batch_max` execs, and if that is few, takes little memory. Memory is
    counted by drains, which costs nothing for each event: a drain counts until all that it brought
    has gone."""

    def __init__(self, batch_max: int) -> None:
        self.limit_batches(batch_max)
        self._execs: list[Exec] = []
        self._ends: list[End] = []
        self._portions: deque[_Portion] = deque()
        self._size_bytes = 0  # of all portions
        self._given_up: set[ImageKey] = set()  # running images that get no row

    def limit_batches(self, batch_max: int) -> None:
        """From now on a batch has at most so many execs."""
        self._batch_max = batch_max
        self._batch_bytes = min(_BATCH_BYTES, max(_BATCH_LEAST, batch_max * _EACH))

    @property
    def execs(self) -> int:
        """How many execs wait."""
        return len(self._execs)

    @property
    def ends(self) -> int:
        """How many ends wait."""
        return len(self._ends)

    @property
    def is_large(self) -> bool:
        """Whether it takes half of the memory that it may take."""
        return self._size_bytes > _BACKLOG_BYTES // 2

    @property
    def waits(self) -> bool:
        """Whether any event waits."""
        return bool(self._execs or self._ends)

    def add(self, decoded: Decoded, size_bytes: int) -> None:
        """Adds what a drain brought, which takes `size_bytes` of memory."""
        self._execs += decoded.execs
        self._execs.sort(key=_BOOT_NS)
        self._ends += decoded.ends
        self._ends.sort(key=_BOOT_NS)
        latest = [events[-1].boot_ns for events in (self._execs, self._ends) if events]
        if latest and size_bytes:
            self._portions.append(_Portion(max(latest), size_bytes))
            self._size_bytes += size_bytes
        self._drop_ends_without_row()

    def batch(self, until_ns: int) -> Batch:
        """The oldest events, up to a boot time; they stay here until `stored` is called."""
        execs = _settled(self._execs, until_ns)
        most = self._batch_max if self._size_bytes <= self._batch_bytes else self._few(execs)
        if len(execs) > most:
            execs = execs[:most]
            until_ns = execs[-1].boot_ns
        return Batch(execs, _settled(self._ends, until_ns), until_ns)

    def _few(self, execs: list[Exec]) -> int:
        """How many of these execs make a batch that is not too large; at least one."""
        size, known = 0, set()
        for number, event in enumerate(execs[: self._batch_max]):
            size += EXEC_BYTES
            if id(event.start) not in known:
                known.add(id(event.start))
                argv = event.command.argv
                chars = sum(map(len, argv))  # JSON takes six bytes for some of them
                size += chars if all(map(str.isprintable, argv)) else 6 * chars
                size += STRING_BYTES * len(argv)
            if size > self._batch_bytes and number:
                return number
        return self._batch_max

    def stored(self, batch: Batch) -> None:
        """Removes a batch."""
        del self._execs[: len(batch.execs)], self._ends[: len(batch.ends)]
        self._uncount()

    def _uncount(self) -> None:
        """Stops counting the portions that have gone."""
        first = [events[0].boot_ns for events in (self._execs, self._ends) if events]
        oldest_ns = min(first, default=None)
        portions = self._portions
        while portions and (oldest_ns is None or portions[0].last_ns < oldest_ns):
            self._size_bytes -= portions.popleft().size_bytes

    def give_up(self, until_ns: int) -> list[Exec]:
        """Removes and returns the execs up to a boot time; their ends will be dropped as well. The
        ends of other images stay, since these may have rows, and so do the ends of images that
        such an exec has replaced."""
        execs = _settled(self._execs, until_ns)
        self._ends += [
            End(
                event.boot_ns,
                event.parent,
                REPLACED,
                event.replaced_cpu_ns,
                event.replaced_rss_kb,
            )
            for event in execs
            if event.replaces and event.parent is not None
        ]
        self._ends.sort(key=_BOOT_NS)
        self._given_up.update((event.boot_ns, event.pid) for event in execs)
        del self._execs[: len(execs)]
        self._drop_ends_without_row()
        return execs

    def _drop_ends_without_row(self) -> None:
        """Otherwise the sink would search for each row, which takes long."""
        if not self._given_up:
            return
        images = {end.image for end in self._ends} & self._given_up
        self._ends = [end for end in self._ends if end.image not in images]
        self._given_up -= images
        if len(self._given_up) > _GIVEN_UP:
            self._given_up.clear()
        self._uncount()

    def too_many_ns(self) -> int | None:
        """The boot time up to which events must be given up because too many wait; else None."""
        too_many = self._size_bytes - _BACKLOG_BYTES
        until_ns = None
        for portion in self._portions:
            if too_many <= 0:
                break
            until_ns = max(until_ns or 0, portion.last_ns)
            too_many -= portion.size_bytes
        return until_ns

    def drop_ends(self, until_ns: int) -> int:
        """Drops the ends up to a boot time; returns how many."""
        ends = len(_settled(self._ends, until_ns))
        del self._ends[:ends]
        self._uncount()
        return ends


def _settled(events: list[T], until_ns: int) -> list[T]:
    return events[: bisect_right(events, until_ns, key=_BOOT_NS)]
