"""What differs between two histories, as events. Events are read again a few hundred at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import nlargest
from itertools import chain
from typing import Any, TypeVar

from execdb.store.comparison.fields import OF_THE_END, Fields
from execdb.store.comparison.pairs import Pairs
from execdb.store.comparison.side import NONE, Side
from execdb.store.event import Event

IN_PLACE = "in_place"  # whether it took the place of its parent's image, with exec alone
# Where a history never has the key, it did not record these; null is a value of the others.
_MAY_BE_MISSING = {"cwd": ("cwd",), "ended": OF_THE_END}
_TOGETHER = 500
_SLOWER_LEAST_NS = 10_000_000

_T = TypeVar("_T")
Read = Callable[[Sequence[int]], Iterable[Event]]  # events by ids, which are in order
Change = Callable[[Iterable[Event]], Iterator[Event]]


@dataclass
class Difference:
    """`kind` is `only_a`, `only_b`, `different` or `slower`. `a` and `b` are the events, None where
    there is none; `below` says how many descendants share its fate; `fields` are the differing
    fields with both values; `failed` that it failed in B and not in A."""

    kind: str
    a: Event | None = None
    b: Event | None = None
    below: int = 0
    fields: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    failed: bool = False


@dataclass
class Totals:
    """Numbers of events, complete once all differences were taken. `unknown_ends` are pairs of
    which only one has a known end, `reordered` those that follow their siblings in another
    order."""

    a: int = 0
    b: int = 0
    equal: int = 0
    different: int = 0
    failed: int = 0
    only_a: int = 0
    only_b: int = 0
    slower: int = 0
    unknown_ends: int = 0
    reordered: int = 0

    @property
    def differ(self) -> bool:
        return bool(self.different or self.only_a or self.only_b)


class Comparison:
    """`fields` are compared, except for those that one side never has (`missing`: by field, the
    name of the side). `slower` is the factor from which on a program counts as slower; None: times
    are not compared."""

    def __init__(
        self,
        sides: tuple[Side, Side],
        read: Sequence[Read],
        fields: Fields,
        slower: float | None = None,
    ) -> None:
        self._a, self._b = a, b = sides
        self._read, self._slower = read, slower
        self.missing = {
            name: side.name
            for key, names in _MAY_BE_MISSING.items()
            for side, other in ((a, b), (b, a))
            if key in other.known and key not in side.known
            for name in names
            if name in fields.names
        }
        self._names = tuple(name for name in fields.names if name not in self.missing)
        self._values = fields._replace(names=self._names).values()
        self._pairs = Pairs(a, b)
        self.totals = Totals(a=len(a), b=len(b), reordered=self._pairs.reordered)

    def differences(self, limit: int = 0, change: Change = iter) -> Iterator[Difference]:
        """The first `limit` of each kind (0: all); `totals` counts them all. `change` is applied to
        events before they are shown, but after they were compared."""
        for each in chain(self._alone(limit), self._different(limit), self._slowest(limit)):
            a, b = (next(iter(change([e])), None) if e else None for e in (each.a, each.b))
            fields = {
                name: (getattr(a, name, None), getattr(b, name, None))
                if name in ("argv", "filename")
                else values
                for name, values in each.fields.items()
            }
            yield replace(each, a=a, b=b, fields=fields)

    def _alone(self, limit: int) -> Iterator[Difference]:
        alone = (self._pairs.only_a, self._pairs.only_b)
        self.totals.only_a, self.totals.only_b = (
            sum(1 + side.below(index) for index in indices)
            for side, indices in zip((self._a, self._b), alone, strict=True)
        )
        for some in _parts(sorted(alone[0])[: limit or None]):
            for event, below in self._with_below(0, some):
                yield Difference("only_a", event, None, below)
        for some in _parts(sorted(alone[1])[: limit or None]):
            for event, below in self._with_below(1, some):
                yield Difference("only_b", None, event, below)

    def _with_below(self, at: int, indices: Sequence[int]) -> Iterator[tuple[Event, int]]:
        side = (self._a, self._b)[at]
        below = {side.ids[index]: side.below(index) for index in indices}
        return ((event, below[event.id]) for event in self._events(at, indices))

    def _different(self, limit: int) -> Iterator[Difference]:
        a, b, pairs = self._a, self._b, self._pairs
        unequal = [n for n in range(len(pairs.a)) if a.keys[pairs.a[n]] != b.keys[pairs.b[n]]]
        self.totals.equal = len(pairs.a) - len(unequal)
        for some in _parts(unequal):
            for found in self._differing([(pairs.a[n], pairs.b[n]) for n in some]):
                self.totals.different += 1
                self.totals.failed += found.failed
                if not limit or self.totals.different <= limit:
                    yield found

    def _differing(self, pairs: Sequence[tuple[int, int]]) -> Iterator[Difference]:
        for (one, other), (index_a, index_b) in self._both(pairs):
            fields = self._compare(one, other)
            if (in_a := self._a.replaces_parent(index_a)) != (
                in_b := self._b.replaces_parent(index_b)
            ):
                fields[IN_PLACE] = in_a, in_b
            if fields:
                failed = _failed(other) and not _failed(one)
                yield Difference("different", one, other, fields=fields, failed=failed)
            else:
                self.totals.equal += 1

    def _compare(self, one: Event, other: Event) -> dict[str, tuple[Any, Any]]:
        both = zip(self._names, self._values(one), self._values(other), strict=True)
        fields = {
            name: (getattr(one, name), getattr(other, name))
            for name, in_a, in_b in both
            if in_a != in_b
        }
        if (one.ended is None) != (other.ended is None) and one.errno == other.errno:
            if fields.keys() & OF_THE_END:
                self.totals.unknown_ends += 1
            for name in OF_THE_END:  # unknown is not different
                fields.pop(name, None)
        return fields

    def _slowest(self, limit: int) -> Iterator[Difference]:
        """Those that took longer by most, first."""
        a, b, pairs = self._a, self._b, self._pairs
        slower = [
            (took_b - took_a, n)
            for n in range(len(pairs.a))
            if self._is_slower(
                took_a := a.durations_ns[pairs.a[n]], took_b := b.durations_ns[pairs.b[n]]
            )
        ]
        self.totals.slower = len(slower)
        shown = nlargest(limit or len(slower), slower)
        for some in _parts(shown):
            for (one, other), _ in self._both([(pairs.a[n], pairs.b[n]) for _, n in some]):
                took = {"duration_ns": (one.duration_ns, other.duration_ns)}
                yield Difference("slower", one, other, fields=took)

    def _is_slower(self, took_a_ns: int, took_b_ns: int) -> bool:
        if self._slower is None or NONE in (took_a_ns, took_b_ns):
            return False
        return took_b_ns - took_a_ns >= max(_SLOWER_LEAST_NS, (self._slower - 1) * took_a_ns)

    def _both(
        self, pairs: Sequence[tuple[int, int]]
    ) -> Iterator[tuple[tuple[Event, Event], tuple[int, int]]]:
        """The events of these pairs; without those that were removed meanwhile."""
        of_a = {event.id: event for event in self._events(0, [pair[0] for pair in pairs])}
        of_b = {event.id: event for event in self._events(1, [pair[1] for pair in pairs])}
        for pair in pairs:
            one, other = of_a.get(self._a.ids[pair[0]]), of_b.get(self._b.ids[pair[1]])
            if one is not None and other is not None:
                yield (one, other), pair

    def _events(self, at: int, indices: Sequence[int]) -> Iterable[Event]:
        side = (self._a, self._b)[at]
        return self._read[at](sorted(side.ids[index] for index in indices))


def _parts(some: Sequence[_T]) -> Iterator[Sequence[_T]]:
    return (some[at : at + _TOGETHER] for at in range(0, len(some), _TOGETHER))


def _failed(event: Event) -> bool:
    return event.errno is not None or event.ended == "signal" or bool(event.exit_code)
