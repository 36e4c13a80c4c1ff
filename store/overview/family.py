"""Families: events with what they descend from and what descends from them, up to a bound.

Only keys are looked at until it is known which rows are shown. A hostile file may claim circles:
each row is met once.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from execdb.store.event import Event
from execdb.store.reading.filter import Filter
from execdb.store.terms.term import Term

_ABOVE_MAX = 10_000  # ancestors, where the number of events is limited
Key = Any  # of a row: its id, in a central store its run and id


class Kin(Protocol):
    """Where families are read."""

    def key_of(self, event: Event) -> Key: ...

    def events(
        self, wanted: Filter, *, limit: int = 0, reverse: bool = False
    ) -> Iterator[Event]: ...

    def rows_with(self, keys: Sequence[Key]) -> Iterator[Event]:
        """The events with these keys, which are in order: oldest first."""

    def parents(self, keys: Sequence[Key]) -> dict[Key, Key | None]:
        """Of each of these rows that is there."""

    def children(self, keys: Sequence[Key], most: int) -> Sequence[Key]:
        """What these rows started themselves, in their order; at most so many, unless that is
        below 0."""

    def latest_run(self) -> int | None:
        """The latest run that has rows."""


@dataclass(frozen=True)
class Reach:
    """How far to go from the events that were asked for. `limit` 0: no bound on the number of
    events; `depth` None: all levels below."""

    limit: int = 0
    up: bool = True
    down: bool = True
    depth: int | None = None


@dataclass(frozen=True)
class Family:
    """`events`, oldest first; `chosen` are the keys of those that were asked for. `cut` says that
    there are more, which the bound on their number left out; `above` are the keys of events whose
    ancestors were left out."""

    events: Sequence[Event]
    chosen: frozenset[Key]
    cut: bool = False
    above: frozenset[Key] = frozenset()


def family_of(kin: Kin, key: Key, reach: Reach) -> Family:
    """One event with its ancestors and descendants, the nearest ones first if there are too many.
    No events if there is no such row."""
    return _families(kin, list(kin.parents([key])), reach, reach.limit - 1)


def matching_families(kin: Kin, wanted: Filter, reach: Reach) -> Family:
    """The events that a filter chooses, the latest ones if there are too many, with their ancestors
    and, if `reach.down`, what they started."""
    limit = reach.limit
    events = kin.events(wanted, limit=limit + 1 if limit else 0)
    found = [kin.key_of(event) for event in events]
    cut = bool(limit) and len(found) > limit
    family = _families(kin, found[1:] if cut else found, reach)
    return replace(family, cut=cut or family.cut)


def latest_run(kin: Kin, reach: Reach) -> Family:
    """What the latest run of a collector, or import, stored, with what started it."""
    number = kin.latest_run()
    if number is None:
        return Family((), frozenset())
    wanted = Filter((Term("run_id", (number,)),))
    return replace(matching_families(kin, wanted, reach), chosen=frozenset())


def with_ancestors(kin: Kin, keys: Iterable[Key]) -> Sequence[Event]:
    """These events and all that they descend from, oldest first."""
    return _families(kin, list(keys), Reach(down=False)).events


def ancestors(kin: Kin, events: Iterable[Event]) -> Sequence[Event]:
    """All that these events descend from, oldest first."""
    found, _ = _ancestors(kin, [kin.key_of(event) for event in events], None)
    return list(kin.rows_with(sorted(found)))


def _families(
    kin: Kin, chosen: Sequence[Key], reach: Reach, above_most: int = _ABOVE_MAX
) -> Family:
    keys, above, cut = _around(kin, chosen, reach, above_most)
    return Family(list(kin.rows_with(sorted(keys))), frozenset(chosen), cut, above)


def _around(
    kin: Kin, chosen: Sequence[Key], reach: Reach, above_most: int
) -> tuple[set[Key], frozenset[Key], bool]:
    """The keys of all that is shown, `above` and `cut` of the Family."""
    keys, above, cut, limit = set(chosen), frozenset[Key](), False, reach.limit
    if reach.up:
        more, above = _ancestors(kin, chosen, above_most if limit else None)
        keys |= more
        cut = bool(above)
    if reach.down:
        room = max(0, limit - len(keys)) if limit else None
        below, left_out = _descendants(kin, chosen, reach.depth, room)
        keys |= below
        cut = cut or left_out
    return keys, above, cut


def _ancestors(
    kin: Kin, chosen: Sequence[Key], most: int | None
) -> tuple[set[Key], frozenset[Key]]:
    """All rows above these, or the nearest ones; and those whose parents were left out."""
    found: set[Key] = set()
    met, level = set(chosen), kin.parents(chosen)
    while level:
        above = {parent for parent in level.values() if parent is not None} - met
        if most is not None and len(found) + len(above) > most:
            return found, frozenset(child for child, parent in level.items() if parent in above)
        level = kin.parents(sorted(above))
        found.update(level)
        met |= above
    return found, frozenset()


def _descendants(
    kin: Kin, chosen: Sequence[Key], depth: int | None, most: int | None
) -> tuple[set[Key], bool]:
    """All rows below these, or the nearest ones, up to `depth` levels; and whether `most` left some
    out."""
    found: set[Key] = set()
    met, level = set(chosen), list(chosen)
    while level and depth != 0:
        # Rows that were met already may be among them: only in a circle.
        room = -1 if most is None else most - len(found) + 1 + len(met)
        below = [key for key in kin.children(level, room) if key not in met]
        if most is not None and len(found) + len(below) > most:
            return found | set(below[: most - len(found)]), True
        met.update(below)
        found.update(below)
        level, depth = below, None if depth is None else depth - 1
    return found, False
