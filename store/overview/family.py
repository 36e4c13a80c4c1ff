"""Families: events with what they descend from and what descends from them, up to a bound.

Only ids are looked at until it is known which rows are shown. A hostile file may claim circles:
each row is met once.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection

from execdb.store.event import Event
from execdb.store.file.sql import scalar
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.terms.term import Term

_ABOVE_MAX = 10_000  # ancestors, where the number of events is limited
_TOGETHER = 500  # rows that one statement asks for


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
    """`events`, oldest first; `chosen` are the ids of those that were asked for. `cut` says that
    there are more, which the bound on their number left out; `above` are the ids of events whose
    ancestors were left out."""

    events: Sequence[Event]
    chosen: frozenset[int]
    cut: bool = False
    above: frozenset[int] = frozenset()


def family_of(history: History, number: int, reach: Reach) -> Family:
    """One event with its ancestors and descendants, the nearest ones first if there are too many.
    No events if there is no such row."""
    with history.database.reading() as connection:
        there = _parents(connection, [number])
    return _families(history, list(there), reach, reach.limit - 1)


def matching_families(history: History, wanted: Filter, reach: Reach) -> Family:
    """The events that a filter chooses, the latest ones if there are too many, with their ancestors
    and, if `reach.down`, what they started."""
    limit = reach.limit
    found = [event.id for event in history.events(wanted, limit=limit + 1 if limit else 0)]
    cut = bool(limit) and len(found) > limit
    family = _families(history, found[1:] if cut else found, reach)
    return replace(family, cut=cut or family.cut)


def latest_run(history: History, reach: Reach) -> Family:
    """What the latest run of a collector, or import, stored, with what started it."""
    with history.database.reading() as connection:
        number = scalar(connection, "SELECT max(run_id) FROM segment WHERE first_id > 0")
    if not isinstance(number, int):
        return Family((), frozenset())
    wanted = Filter((Term("run_id", (number,)),))
    return replace(matching_families(history, wanted, reach), chosen=frozenset())


def with_ancestors(history: History, numbers: Iterable[int]) -> Sequence[Event]:
    """These events and all that they descend from, oldest first."""
    return _families(history, list(numbers), Reach(down=False)).events


def _families(
    history: History, chosen: Sequence[int], reach: Reach, above_most: int = _ABOVE_MAX
) -> Family:
    with history.database.reading() as connection:
        ids, above, cut = _around(connection, chosen, reach, above_most)
    return Family(list(history.rows_with(sorted(ids))), frozenset(chosen), cut, above)


def _around(
    connection: Connection, chosen: Sequence[int], reach: Reach, above_most: int
) -> tuple[set[int], frozenset[int], bool]:
    """The ids of all that is shown, `above` and `cut` of the Family."""
    ids, above, cut, limit = set(chosen), frozenset[int](), False, reach.limit
    if reach.up:
        more, above = _ancestors(connection, chosen, above_most if limit else None)
        ids |= more
        cut = bool(above)
    if reach.down:
        room = max(0, limit - len(ids)) if limit else None
        below, left_out = _descendants(connection, chosen, reach.depth, room)
        ids |= below
        cut = cut or left_out
    return ids, above, cut


def _ancestors(
    connection: Connection, chosen: Sequence[int], most: int | None
) -> tuple[set[int], frozenset[int]]:
    """All rows above these, or the nearest ones; and those whose parents were left out."""
    found: set[int] = set()
    met, level = set(chosen), _parents(connection, chosen)
    while level:
        above = {parent for parent in level.values() if parent is not None} - met
        if most is not None and len(found) + len(above) > most:
            return found, frozenset(child for child, parent in level.items() if parent in above)
        level = _parents(connection, sorted(above))
        found.update(level)
        met |= above
    return found, frozenset()


def _parents(connection: Connection, numbers: Sequence[int]) -> dict[int, int | None]:
    """Of each of these rows that is there."""
    found: dict[int, int | None] = {}
    for some in _parts(numbers):
        for number, parent in connection.execute(_PARENTS, (json.dumps(some),)):
            found[number] = parent if isinstance(parent, int) else None
    return found


def _descendants(
    connection: Connection, chosen: Sequence[int], depth: int | None, most: int | None
) -> tuple[set[int], bool]:
    """All rows below these, or the nearest ones, up to `depth` levels; and whether `most` left some
    out."""
    found: set[int] = set()
    met, level = set(chosen), list(chosen)
    while level and depth != 0:
        below: list[int] = []
        for some in _parts(level):
            # Rows that were met already may be among them: only in a circle.
            room = -1 if most is None else most - len(found) - len(below) + 1 + len(met)
            rows = connection.execute(_CHILDREN, (json.dumps(some), room))
            below += (row[0] for row in rows if row[0] not in met)
            if most is not None and len(found) + len(below) > most:
                return found | set(below[: most - len(found)]), True
        met.update(below)
        found.update(below)
        level, depth = below, None if depth is None else depth - 1
    return found, False


def _parts(numbers: Sequence[int]) -> Iterable[Sequence[int]]:
    return (numbers[at : at + _TOGETHER] for at in range(0, len(numbers), _TOGETHER))


_PARENTS = """
SELECT id, parent_id FROM image WHERE id IN (SELECT value FROM json_each(?))
"""
# CROSS JOIN: SQLite then takes the tables in this order.
_CHILDREN = """
SELECT image.id FROM json_each(?) AS parent CROSS JOIN image ON image.parent_id = parent.value
LIMIT ?
"""
