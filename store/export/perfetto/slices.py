"""Events as slices, each with its place and with what it started. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from execdb.store.event import Event
from execdb.store.export.perfetto.lanes import Lanes, group_of

_LATE_NS = 1_000_000_000  # a program may exec this long after the one that started it ended
_CHILDREN = 10_000  # of one program; the flows to more of them are left out
_WAITING = 100_000  # slices; the oldest of more is written with the children it has


@dataclass(eq=False)
class Slice:
    """A program on a lane of its group, or a failed attempt (`lane` is None)."""

    event: Event
    group: str
    lane: int | None
    end_ns: int | None
    children: list[int] = field(default_factory=list)  # ids
    from_parent: bool = False  # the slice of the parent has its id among the children


def slices(events: Iterable[Event]) -> Iterator[Slice]:
    """A slice for each event, once no more children can come. Events are in the order in which
    they happened."""
    lanes: dict[str, Lanes] = {}
    waiting: dict[int, Slice] = {}
    ends: list[tuple[int, int]] = []  # a heap of (end, id)
    for event in events:
        while ends and ends[0][0] + _LATE_NS < event.time_ns:
            if (over := waiting.pop(heappop(ends)[1], None)) is not None:
                yield over
        one = _slice(event, lanes)
        if (parent := waiting.get(event.parent_id or 0)) is not None:
            one.from_parent = len(parent.children) < _CHILDREN
            if one.from_parent:
                parent.children.append(event.id)
        if one.lane is None:
            yield one
            continue
        waiting[event.id] = one
        if one.end_ns is not None:
            heappush(ends, (one.end_ns, event.id))
        if len(waiting) > _WAITING:
            yield waiting.pop(next(iter(waiting)))
    yield from waiting.values()


def _slice(event: Event, lanes: dict[str, Lanes]) -> Slice:
    group = group_of(event)
    if event.errno is not None:
        return Slice(event, group, None, event.time_ns)
    end_ns = None if event.duration_ns is None else event.time_ns + event.duration_ns
    lane = lanes.setdefault(group, Lanes()).place(event.pid, event.time_ns, end_ns)
    return Slice(event, group, lane, end_ns)
