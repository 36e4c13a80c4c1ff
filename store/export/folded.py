"""Events as stacks for flame graphs (the folded format of Brendan Gregg's FlameGraph)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice

from execdb.store.event import Event

_DEPTH = 128  # frames; what is deeper counts as the last of these
_NAMED_MAX = 65_536  # images that are not among the events
_BATCH = 4_096  # events whose unknown parents are looked up together

Ancestors = Callable[[Sequence[Event]], Iterable[Event]]


def folded(
    events: Iterable[Event], ancestors: Ancestors, escape: Callable[[str], str]
) -> Iterator[str]:
    """A line `make;sh;gcc;cc1 910` for each stack of comms: its own time in microseconds, without
    the times in which programs ran that it started and that are among the events.

    Events must be in the order in which they happened. `ancestors` gives all that these events
    descend from, ancestors first: they only name the stacks. `escape` makes a name harmless.
    """
    stacks = _Stacks(escape)
    events = iter(events)
    while batch := list(islice(events, _BATCH)):
        stacks.forget(batch[0])
        orphans = stacks.without_parent(batch)
        for event in ancestors(orphans) if orphans else ():
            stacks.name(event)
        for event in batch:
            stacks.add(event)
    for stack, own_ns in enumerate(stacks.own_ns):
        if own_ns >= 1_000:
            yield f"{stacks.text(stack)} {own_ns // 1_000}\n"


class _Stacks:
    """The stacks by number, and what is known of each image that may still start others."""

    def __init__(self, escape: Callable[[str], str]) -> None:
        self._escape = escape
        self.own_ns: list[int] = []
        self._above: list[int | None] = []
        self._comm: list[str] = []
        self._depth: list[int] = []
        self._numbers: dict[tuple[int | None, str], int] = {}
        self._images: dict[int, int] = {}  # stack
        self._named: dict[int, int] = {}  # the same of images that only name stacks
        self._ends: dict[str, list[tuple[int, int]]] = {}  # of a boot: a heap of (end, id)
        self._spans: dict[int, tuple[str, int, int]] = {}  # boot; covered until; end

    def without_parent(self, batch: Sequence[Event]) -> list[Event]:
        """Those whose parents are neither among them nor known, one for each parent."""
        there = {event.id for event in batch}
        found = {event.parent_id: event for event in batch if event.parent_id not in there}
        return [
            event
            for parent, event in found.items()
            if parent is not None and self._stack_of(parent) is None
        ]

    def forget(self, event: Event) -> None:
        """What ended before this event has no more children that take of its time."""
        ends = self._ends.get(event.boot_id, [])
        while ends and ends[0][0] <= event.boot_ns:
            _, number = heappop(ends)
            self._images.pop(number, None)
            self._spans.pop(number, None)
        if len(self._named) > _NAMED_MAX:
            self._named.clear()

    def name(self, event: Event) -> None:
        if self._stack_of(event.id) is None:
            self._named[event.id] = self._stack(self._stack_of(event.parent_id), event.comm)

    def _stack_of(self, number: int | None) -> int | None:
        return None if number is None else self._images.get(number, self._named.get(number))

    def add(self, event: Event) -> None:
        if event.errno is not None:  # nothing ran
            return
        if event.id not in self._images:
            above = self._stack_of(event.parent_id)
            self._images[event.id] = self._stack(above, event.comm)
        begin_ns, end_ns = event.boot_ns, event.boot_ns + (event.duration_ns or 0)
        if event.duration_ns is not None:
            self.own_ns[self._images[event.id]] += event.duration_ns
            self._spans[event.id] = event.boot_id, begin_ns, end_ns
            heappush(self._ends.setdefault(event.boot_id, []), (end_ns, event.id))
        if event.parent_id in self._spans and event.parent_id != event.id:
            boot_id, covered_ns, parent_end_ns = self._spans[event.parent_id]
            begin_ns, end_ns = max(begin_ns, covered_ns), min(end_ns, parent_end_ns)
            if boot_id == event.boot_id and begin_ns < end_ns:
                self.own_ns[self._images[event.parent_id]] -= end_ns - begin_ns
                self._spans[event.parent_id] = boot_id, end_ns, parent_end_ns

    def text(self, stack: int | None) -> str:
        frames: list[str] = []
        while stack is not None:
            frames.append(self._comm[stack])
            stack = self._above[stack]
        return ";".join(reversed(frames))

    def _stack(self, above: int | None, comm: str) -> int:
        if above is not None and self._depth[above] >= _DEPTH:
            return above
        number = self._numbers.setdefault((above, comm), len(self.own_ns))
        if number == len(self.own_ns):
            self.own_ns.append(0)
            self._above.append(above)
            self._comm.append(_frame(self._escape(comm)))
            self._depth.append(1 if above is None else self._depth[above] + 1)
        return number


def _frame(name: str) -> str:
    """A blank separates the number, a semicolon the frames."""
    return name.replace(";", "\\x3b").replace(" ", "\\x20") or "?"
