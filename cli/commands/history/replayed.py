"""The two sides of `compare --replay`: what was to be replayed, and what a recorder saw of it."""

from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from execdb.store.errors import ExecdbError
from execdb.store.event import Event

if TYPE_CHECKING:
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.history import History

_PARENTS_MAX = 10_000  # that are not among the events, as in a replay


def latest_replay(history: "History") -> "Filter":
    """All that the latest live replay in a recording started. Raises ExecdbError if there is
    none."""
    from execdb.store.reading.filter import Filter
    from execdb.store.reading.replays import replays_of

    with history.database.reading() as connection:
        found = replays_of(connection)
    if not found:
        raise ExecdbError("B has no live replay by root: execdb replay --live while it records")
    return Filter(descendants_of=(found[-1].id,), replays=True)


def replayed_from(history: "History", wanted: "Filter", ancestors: bool) -> Iterator[Event]:
    """What a replay of these events starts, with the programs that had started them."""
    from execdb.store.overview.family import with_ancestors
    from execdb.store.reading.kin import FileKin

    above: list[Event] = []
    if ancestors:
        missing = _missing_parents(history.events(wanted))
        above = [event for event in with_ancestors(FileKin(history), missing) if event.pid != 1]
    return chain(above, history.events(wanted))


def _missing_parents(events: Iterator[Event]) -> list[int]:
    """Ids of parents that are not among the events."""
    ids, parents = array("q"), set[int]()
    for event in events:
        at = bisect_left(ids, event.parent_id) if event.parent_id is not None else 0
        if event.parent_id is not None and not (at < len(ids) and ids[at] == event.parent_id):
            if len(parents) >= _PARENTS_MAX:
                break
            parents.add(event.parent_id)
        ids.append(event.id)
    return sorted(parents - set(ids))


def without_attempts(wanted: "Filter") -> "Filter":
    """The same without execs that failed."""
    from execdb.store.terms.term import Term

    return replace(wanted, terms=(*wanted.terms, Term("errno", (None,))))
