"""Who started what: events are named by their run and id.

A parent is in the run of its child, or in an earlier run of the same boot, which the same file
recorded. Ids of several files of a host may be equal: the run of the child comes first.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from execdb.store.central.asking.days import Days
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Key, on_days

_TOGETHER = 5_000  # keys in one statement


class Kin:
    """The relations between events of a central store. All methods raise CentralError."""

    def __init__(self, session: Session, roster: Roster, days: Days) -> None:
        self._session, self._roster, self._days = session, roster, days

    def parents(self, keys: Sequence[Key]) -> dict[Key, Key | None]:
        """Of each of these rows that is there: the row that started it, if that is there."""
        above: dict[Key, int | None] = {}
        for some in _parts(keys):
            sql = _on(_PARENTS, self._days.with_ids(some))
            for run_id, id_, parent_id in self._session.rows(sql, _by_run(some)):
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
        for key in set(wanted) - there.keys():
            child = self._roster.by_id[key[0]]
            boot = self._roster.boot_of(child)
            for run in boot.runs:
                if boot.is_before(run, child):
                    earlier[run.run_id, key[1]] = key
        for row in sorted(self.existing(earlier), key=lambda row: self._place(row[0])):
            found[earlier[row]] = row  # the latest of them
        return found

    def existing(self, keys: Iterable[Key]) -> dict[Key, datetime]:
        """Those of these rows that are there, and their times."""
        found: dict[Key, datetime] = {}
        for some in _parts(sorted(keys)):
            rows = self._session.rows(_on(_TIMES, self._days.with_ids(some)), _by_run(some))
            found |= {(run_id, id_): time for run_id, id_, time in rows}
        return found

    def children(self, keys: Sequence[Key], most: int) -> list[Key]:
        """What these rows started themselves; at most so many, unless that is below 0."""
        return [*self._children(keys, most)]

    def _children(self, keys: Sequence[Key], most: int) -> dict[Key, datetime]:
        """The same with their times."""
        found: list[tuple[int, int, datetime]] = []
        for some in _parts(keys):
            if most < 0 or len(found) < most:
                room = None if most < 0 else most - len(found)
                sql = _on(_CHILDREN, self._days.with_children(some))
                found += self._session.rows(sql, (*_by_run(some), *_both(some), room))
        for some in _parts(self._later_runs(keys)):
            sql = _on(_CHILDREN_WITH_PARENT, self._days.with_children(some))
            rows = self._session.rows(sql, _by_run(some))
            # Where the later run has a row of that id itself, that one is the parent.
            own = self.existing({(run_id, parent_id) for run_id, _, parent_id, _ in rows})
            found += [(run, id_, at) for run, id_, parent, at in rows if (run, parent) not in own]
        return {(run, id_): at for run, id_, at in (found if most < 0 else found[:most])}

    def meant_by(self, key: Key) -> list[Key]:
        """The same id in later runs of the boot, where it names this row as well: those runs have
        no row of that id themselves."""
        later = self._later_runs([key])
        own = self.existing(later)
        return [each for each in later if each not in own]

    def descendants(self, key: Key) -> dict[Key, datetime]:
        """What a row started, directly or not, and when; not itself. Each row is met once."""
        met: dict[Key, datetime] = {}
        level = [key]
        while level:
            below = self._children(level, -1)
            level = [child for child in below if child not in met and child != key]
            met |= below
        met.pop(key, None)
        return met

    def _later_runs(self, keys: Sequence[Key]) -> list[Key]:
        """The same ids in the later runs of the same boot."""
        found = set[Key]()
        for run_id, id_ in keys:
            parent = self._roster.by_id[run_id]
            boot = self._roster.boot_of(parent)
            found |= {(run.run_id, id_) for run in boot.runs if boot.is_before(parent, run)}
        return sorted(found)

    def _place(self, run_id: int) -> int:
        return self._roster.by_id[run_id].local_run_id


def _both(keys: Sequence[Key]) -> tuple[list[int], list[int]]:
    return [run_id for run_id, _ in keys], [id_ for _, id_ in keys]


def _by_run(keys: Sequence[Key]) -> tuple[list[int], list[str]]:
    """The values of _FOUND: runs, and of each the ids as the text of an array."""
    ids: defaultdict[int, list[int]] = defaultdict(list)
    for run_id, id_ in keys:
        ids[run_id].append(id_)
    return [*ids], [f"{{{','.join(map(str, each))}}}" for each in ids.values()]


def _on(sql: str, days: Sequence[int]) -> str:
    return sql.replace("{days}", on_days("e.time", days))


def _parts(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    return (keys[at : at + _TOGETHER] for at in range(0, len(keys), _TOGETHER))


# A list of ids for each run: the server looks them up in an index. It would read whole tables for
# a join with single keys, and estimate each of them in each partition.
_WANTED = "unnest(%s::bigint[], %s::text[]) AS wanted (run_id, ids)"
_FOUND = f"""
FROM {_WANTED} CROSS JOIN LATERAL (
    SELECT e.run_id, e.id, e.parent_id, e.time FROM execdb.exec e
    WHERE e.run_id = wanted.run_id AND e.{{0}} = ANY(wanted.ids::bigint[]) AND {{{{days}}}}
    UNION ALL
    SELECT e.run_id, e.id, e.parent_id, e.time FROM execdb.exec_stray e
    WHERE e.run_id = wanted.run_id AND e.{{0}} = ANY(wanted.ids::bigint[]) OFFSET 0) AS e
"""
_PARENTS = f"SELECT e.run_id, e.id, e.parent_id {_FOUND.format('id')}"
_TIMES = f"SELECT e.run_id, e.id, e.time {_FOUND.format('id')}"
_CHILDREN_WITH_PARENT = f"SELECT e.run_id, e.id, e.parent_id, e.time {_FOUND.format('parent_id')}"
_CHILDREN = f"""
SELECT e.run_id, e.id, e.time FROM ({_CHILDREN_WITH_PARENT}) AS e
JOIN unnest(%s::bigint[], %s::bigint[]) WITH ORDINALITY AS parent (run_id, id, place)
    ON parent.run_id = e.run_id AND parent.id = e.parent_id
ORDER BY place, e.id LIMIT %s
"""
