"""Who started what: events are named by their run and id.

A parent is in the run of its child, or in an earlier run of the same boot, which the same file
recorded. Ids of several files of a host may be equal: the run of the child comes first.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Key

_TOGETHER = 5_000  # keys in one statement


class Kin:
    """The relations between events of a central store. All methods raise CentralError."""

    def __init__(self, session: Session, roster: Roster) -> None:
        self._session, self._roster = session, roster

    def parents(self, keys: Sequence[Key]) -> dict[Key, Key | None]:
        """Of each of these rows that is there: the row that started it, if that is there."""
        above: dict[Key, int | None] = {}
        for some in _parts(keys):
            for run_id, id_, parent_id in self._session.rows(_PARENTS, _both(some)):
                above[run_id, id_] = parent_id
        wanted = {(key[0], parent) for key, parent in above.items() if parent is not None}
        found = self._there(wanted)
        return {
            key: None if parent is None else found.get((key[0], parent))
            for key, parent in above.items()
        }

    def _there(self, wanted: Collection[Key]) -> Mapping[Key, Key]:
        """Where a row is that has this id for a run."""
        there = self.existing(wanted)
        found = {key: key for key in there}
        earlier: dict[Key, Key] = {}  # a row that may be meant, and who means it
        for key in set(wanted) - there:
            for run in self._roster.of_boot(self._roster.by_id[key[0]]):
                if self._is_before(run.run_id, key[0]):
                    earlier[run.run_id, key[1]] = key
        for row in sorted(self.existing(earlier), key=lambda row: self._place(row[0])):
            found[earlier[row]] = row  # the latest of them
        return found

    def existing(self, keys: Iterable[Key]) -> set[Key]:
        """Those of these rows that are there."""
        found: set[Key] = set()
        for some in _parts(sorted(keys)):
            found |= {(row[0], row[1]) for row in self._session.rows(_PARENTS, _both(some))}
        return found

    def children(self, keys: Sequence[Key], most: int) -> list[Key]:
        """What these rows started themselves; at most so many, unless that is below 0."""
        found: list[Key] = []
        for some in _parts(keys):
            if most < 0 or len(found) < most:
                room = None if most < 0 else most - len(found)
                found += self._session.rows(_CHILDREN, (*_both(some), room))
        for some in _parts(self._later_runs(keys)):
            rows = self._session.rows(_CHILDREN_WITH_PARENT, _both(some))
            # Where the later run has a row of that id itself, that one is the parent.
            own = self.existing({(run_id, parent_id) for run_id, _, parent_id in rows})
            found += [(run, id_) for run, id_, parent in rows if (run, parent) not in own]
        return found if most < 0 else found[:most]

    def meant_by(self, key: Key) -> list[Key]:
        """The same id in later runs of the boot, where it names this row as well: those runs have
        no row of that id themselves."""
        later = self._later_runs([key])
        own = self.existing(later)
        return [each for each in later if each not in own]

    def descendants(self, key: Key) -> list[Key]:
        """What a row started, directly or not; not itself. Each row is met once."""
        met, level = {key}, [key]
        while level:
            level = [child for child in self.children(level, -1) if child not in met]
            met.update(level)
        return sorted(met - {key})

    def _later_runs(self, keys: Sequence[Key]) -> list[Key]:
        """The same ids in the later runs of the same boot."""
        found = set[Key]()
        for run_id, id_ in keys:
            for run in self._roster.of_boot(self._roster.by_id[run_id]):
                if self._is_before(run_id, run.run_id):
                    found.add((run.run_id, id_))
        return sorted(found)

    def _is_before(self, one: int, other: int) -> bool:
        return self._place(one) < self._place(other)

    def _place(self, run_id: int) -> int:
        return self._roster.by_id[run_id].local_run_id


def _both(keys: Sequence[Key]) -> tuple[list[int], list[int]]:
    return [run_id for run_id, _ in keys], [id_ for _, id_ in keys]


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    return (keys[at : at + _TOGETHER] for at in range(0, len(keys), _TOGETHER))


_KEYS = "unnest(%s::bigint[], %s::bigint[]) AS wanted (run_id, id)"
_PARENTS = f"""
WITH wanted AS MATERIALIZED (SELECT * FROM {_KEYS})
SELECT e.run_id, e.id, e.parent_id FROM wanted JOIN execdb.exec e USING (run_id, id)
UNION ALL
SELECT e.run_id, e.id, e.parent_id FROM wanted JOIN execdb.exec_stray e USING (run_id, id)
"""
_OF_PARENT = "ON e.run_id = wanted.run_id AND e.parent_id = wanted.id"
_CHILDREN = f"""
WITH wanted AS MATERIALIZED
    (SELECT * FROM unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS w (run_id, id, place))
SELECT run_id, id FROM (
    SELECT e.run_id, e.id, place FROM wanted JOIN execdb.exec e {_OF_PARENT}
    UNION ALL
    SELECT e.run_id, e.id, place FROM wanted JOIN execdb.exec_stray e {_OF_PARENT}) AS found
ORDER BY place, id LIMIT %s
"""
_CHILDREN_WITH_PARENT = f"""
WITH wanted AS MATERIALIZED (SELECT * FROM {_KEYS})
SELECT e.run_id, e.id, e.parent_id FROM wanted JOIN execdb.exec e {_OF_PARENT}
UNION ALL
SELECT e.run_id, e.id, e.parent_id FROM wanted JOIN execdb.exec_stray e {_OF_PARENT}
"""
