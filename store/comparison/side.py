"""One of two histories that are compared, reduced to numbers: a million events fit into 60 MB."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise

from execdb.store.comparison.fields import Fields, rough
from execdb.store.errors import UsageError
from execdb.store.event import Event

EVENTS_MAX = 1_000_000  # of each side
NONE = -1  # instead of an index or a duration


class Side:
    """Events by their index, in order. Of each: `ids`, `parents` (an index), `pids`,
    `durations_ns`, and hashes by which pairs are found: `trees` (the compared fields of the event
    and of all that it started), `keys` (the fields of the event), `commands` (file and arguments),
    `likenesses` (the same without temporary names and numbers), `files`.

    Raises UsageError if there are too many."""

    def __init__(self, name: str, events: Iterable[Event], fields: Fields) -> None:
        self.name = name
        self.ids, self._parent_ids, self.durations_ns = array("q"), array("q"), array("q")
        self.pids, self._guesses = array("q"), array("q")
        self.keys, self.commands = array("q"), array("q")
        self.likenesses, self.files = array("q"), array("q")
        self.known: set[str] = set()  # fields that have a value in some event
        self._read(events, fields)
        self.parents = self._links()
        for index, key in enumerate(self.keys):
            self.keys[index] = hash((key, self.replaces_parent(index)))
        self.first_child, self._children = self._families()
        self.trees = self._trees()

    def __len__(self) -> int:
        return len(self.ids)

    def children(self, index: int) -> Sequence[int]:
        """Of an event, in order; of NONE the events without a parent here."""
        at = index + 1
        return self._children[self.first_child[at] : self.first_child[at + 1]]

    def replaces_parent(self, index: int) -> bool:
        """Whether the process of its parent became this, instead of starting it."""
        parent = self.parents[index]
        return parent != NONE and self.pids[parent] == self.pids[index]

    def below(self, index: int) -> int:
        """How many events an event has started, directly or not."""
        found, waiting = 0, [index]
        while waiting:
            children = self.children(waiting.pop())
            found += len(children)
            waiting += children
        return found

    def _read(self, events: Iterable[Event], fields: Fields) -> None:
        values = fields.values()
        unknown = set(fields.names)
        by_pid = _ByPid()
        for event in events:
            if len(self.ids) >= EVENTS_MAX:
                raise UsageError(
                    f"{self.name} has more than {EVENTS_MAX} of these execs: choose fewer of them "
                    "by terms, --since and --until"
                )
            self.ids.append(event.id)
            self._parent_ids.append(event.parent_id or 0)
            self.pids.append(event.pid)
            self._guesses.append(by_pid.parent_of(event, len(self.pids) - 1))
            ns = event.duration_ns
            self.durations_ns.append(NONE if ns is None else ns)
            self.keys.append(hash(values(event)))
            self.commands.append(hash((event.filename, event.argv)))
            self.likenesses.append(hash((rough(event.filename), rough(event.argv))))
            self.files.append(hash(event.filename))
            if unknown:
                unknown = {field for field in unknown if getattr(event, field) is None}
        self.known = set(fields.names) - unknown

    def _links(self) -> "array[int]":
        """The index of each parent. A parent comes before its children, whatever a file claims:
        so there are no circles."""
        if not any(self._parent_ids):
            return self._guesses
        order = range(len(self.ids))
        if not all(a < b for a, b in pairwise(self.ids)):
            order = sorted(order, key=self.ids.__getitem__)  # type: ignore[assignment]
        ids = array("q", (self.ids[at] for at in order))
        parents = array("q", [NONE]) * len(ids)
        for index, parent_id in enumerate(self._parent_ids):
            at = bisect_left(ids, parent_id) if parent_id else len(ids)
            if at < len(ids) and ids[at] == parent_id and order[at] < index:
                parents[index] = order[at]
        return parents

    def _families(self) -> "tuple[array[int], array[int]]":
        """Where the children of each index begin, NONE first, and all children in that order."""
        starts = array("q", [0]) * (len(self.ids) + 2)
        for parent in self.parents:
            starts[parent + 2] += 1
        for at in range(1, len(starts)):
            starts[at] += starts[at - 1]
        place, children = array("q", starts), array("q", [0]) * len(self.ids)
        for index, parent in enumerate(self.parents):
            children[place[parent + 1]] = index
            place[parent + 1] += 1
        return starts, children

    def _trees(self) -> "array[int]":
        """The order of children does not matter here."""
        below = array("q", [0]) * len(self.ids)
        trees = array("q", [0]) * len(self.ids)
        for index in reversed(range(len(self.ids))):
            trees[index] = hash((self.keys[index], below[index]))
            parent = self.parents[index]
            if parent != NONE:
                mixed = below[parent] + hash((trees[index], 1))
                below[parent] = (mixed + (1 << 63)) % (1 << 64) - (1 << 63)
        return trees


class _ByPid:
    """Guesses who started what by pids alone, for a history that does not know parents."""

    def __init__(self) -> None:
        self._latest: dict[int, tuple[int, int, bool]] = {}  # by pid: index, ppid, may go on

    def parent_of(self, event: Event, index: int) -> int:
        """The index of the event that started this one, or that its process was; or NONE."""
        own = self._latest.get(event.pid)
        goes_on = event.errno is None and event.ended in (None, "exec")
        self._latest[event.pid] = index, event.ppid, goes_on
        if own is not None and own[2] and own[1] == event.ppid:
            return own[0]
        parent = self._latest.get(event.ppid)
        return NONE if parent is None or parent[0] == index else parent[0]
