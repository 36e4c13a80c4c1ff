"""How many programs began in each second, and how many ran at once. Pure."""

from collections.abc import Iterator
from heapq import heappop, heappush
from typing import NamedTuple

SECOND_NS = 1_000_000_000


class Sample(NamedTuple):
    """Of the second that begins at `time_ns`."""

    time_ns: int
    execs: int
    running: int  # most at once


class Load:
    """Counts programs, which are given in the order of their beginnings."""

    def __init__(self) -> None:
        self._second: int | None = None
        self._execs = self._most = self._open = 0
        self._ends: list[int] = []  # a heap: of those that run now

    def add(self, begin_ns: int, end_ns: int | None) -> Iterator[Sample]:
        """Yields the seconds that are over."""
        second = begin_ns // SECOND_NS
        if self._second is None or second > self._second:
            yield from self._until(second)
            self._second = second
        while self._ends and self._ends[0] <= begin_ns:
            heappop(self._ends)
        if end_ns is None:
            self._open += 1
        else:
            heappush(self._ends, end_ns)
        self._execs += 1
        self._most = max(self._most, self._open + len(self._ends))

    def finish(self) -> Iterator[Sample]:
        """The last second, and the one after it."""
        if self._second is not None:
            yield from self._until(self._second + 2)

    def _until(self, second: int) -> Iterator[Sample]:
        """A pause is one sample of zero execs."""
        if self._second is None:
            return
        yield Sample(self._second * SECOND_NS, self._execs, self._most)
        next_ns = (self._second + 1) * SECOND_NS
        while self._ends and self._ends[0] <= next_ns:
            heappop(self._ends)
        self._execs, self._most = 0, self._open + len(self._ends)
        if second > self._second + 1:
            yield Sample(next_ns, 0, self._most)
