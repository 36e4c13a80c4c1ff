"""What two collectors saw at the same time: which of the new one's events the old one has stored.

Pure. Both programs stamp an exec, one right after the other: the kernel calls the programs of a
tracepoint in the order in which they were attached (func_add in kernel/tracepoint.c). So an exec of
the new one is that of the old one's latest row of the same process before it, unless another exec
of that process is nearer to the row.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from operator import attrgetter
from typing import NamedTuple, Protocol

from execdb.store.event import End, Exec, ImageKey

_APART_NS = 500_000_000  # two stamps of one exec are nearer to each other than this


class Row(Protocol):
    """A row of the old collector; an attempt has failed."""

    @property
    def boot_ns(self) -> int: ...
    @property
    def pid(self) -> int: ...
    @property
    def failed(self) -> bool: ...
    @property
    def id(self) -> int: ...
    @property
    def ended(self) -> bool: ...


class Seen(NamedTuple):
    """Events in memory, and how much of it they take."""

    execs: list[Exec]
    ends: list[End]
    size_bytes: int


class Overlap(NamedTuple):
    """`new` are the events that the old collector has not stored. `rows` are the old one's rows of
    the execs that both saw, by the keys that our BPF programs gave them; `stored` is how many
    such execs there were."""

    new: Seen
    rows: dict[ImageKey, Row]
    stored: int


def without_stored(seen: Seen, rows: Iterable[Row]) -> Overlap:
    """Divides what the new collector saw. `rows` are those of the old one from the same time."""
    theirs: defaultdict[tuple[int, bool], list[Row]] = defaultdict(list)
    known: dict[ImageKey, Row] = {}
    for row in sorted(rows, key=attrgetter("boot_ns", "id")):
        theirs[row.pid, row.failed].append(row)
        if not row.failed:
            known[row.boot_ns, row.pid] = row
    taken: set[int] = set()
    new: list[Exec] = []
    same: dict[ImageKey, Row] = {}
    for event in sorted(seen.execs, key=attrgetter("boot_ns")):
        found = _row_of(event, theirs)
        if found is None or found.id in taken:
            new.append(event)
            continue
        taken.add(found.id)
        if not found.failed:
            same[event.boot_ns, event.pid] = found
    known |= same
    ends = [end for end in seen.ends if not _has_ended(known, end)]
    return Overlap(Seen(new, ends, seen.size_bytes), same, len(taken))


def _row_of(event: Exec, theirs: Mapping[tuple[int, bool], list[Row]]) -> Row | None:
    rows = theirs.get((event.pid, event.errno is not None), ())
    at = bisect_right(rows, event.boot_ns, key=lambda row: row.boot_ns)
    if not at or event.boot_ns - rows[at - 1].boot_ns > _APART_NS:
        return None
    return rows[at - 1]


def _has_ended(known: Mapping[ImageKey, Row], end: End) -> bool:
    row = known.get(end.image)
    return row is not None and row.ended
