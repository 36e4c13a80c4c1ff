"""An event by what names its image, and those that are related to it."""

from collections.abc import Iterator, Sequence

from execdb.store.browsing.pages import SIDE, Identity, Siblings
from execdb.store.central.asking.conditions import Condition
from execdb.store.central.asking.kin import Kin
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster, Run
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Key, Scope, union
from execdb.store.event import Event

_ABOVE_MAX = 1_000  # ancestors
_NEAR_NS = 86_400 * 10**9  # how far a clock that is never set may drift


class Relatives:
    """All methods raise CentralError."""

    def __init__(self, session: Session, roster: Roster, reading: Reading, kin: Kin) -> None:
        self._session, self._roster = session, roster
        self._reading, self._kin = reading, kin

    def find(self, image: Identity) -> Event | None:
        """As `Browsed.find`."""
        runs = [run for run in self._roster.runs if _may_have(run, image)]
        if image.row is not None and image.row[0] in {run.run_id for run in runs}:
            there = list(self._reading.rows_with([image.row]))
            if there and (there[0].boot_ns, there[0].pid) == (image.boot_ns, image.pid):
                return there[0]
        is_it = Condition("e.boot_ns = %s AND e.pid = %s", [image.boot_ns, image.pid])
        keys = [key for scope in self._near(runs, image) for key in self._keys(scope, is_it)]
        found = list(self._reading.rows_with(self._latest(keys)))
        return found[0] if found else None

    def _near(self, runs: Sequence[Run], image: Identity) -> Iterator[Scope]:
        """Where rows of that moment are. Where the clock was set that may be anywhere."""
        for run in runs:
            offset_ns = self._roster.offset_of(run)
            scope = Scope([run.run_id], seen=True)
            if offset_ns is not None and run.run_id not in self._roster.shifts:
                at_ns = image.boot_ns + offset_ns
                scope = scope._replace(since_ns=at_ns - _NEAR_NS, until_ns=at_ns + _NEAR_NS)
            yield scope

    def _keys(self, scope: Scope, condition: Condition) -> list[Key]:
        query = union("e.run_id, e.id", scope, [condition])
        return [(run_id, number) for run_id, number in self._session.rows(*query)]

    def _latest(self, keys: Sequence[Key]) -> list[Key]:
        """At most one: of the latest run; what was recorded comes after what was seen."""
        order = {run.run_id: place for place, run in enumerate(self._roster.runs)}
        return sorted(keys, key=lambda key: (order[key[0]], key[1]))[-1:]

    def chain(self, event: Event) -> list[Event]:
        """As `Browsed.chain`: up through a run in one question, then on in an earlier run."""
        keys: dict[Key, None] = {(event.run_id, event.id): None}
        while len(keys) <= _ABOVE_MAX:
            run_id, id_ = next(reversed(keys))
            values = [run_id, id_, run_id, id_, run_id, run_id, _ABOVE_MAX + 1 - len(keys)]
            for (above,) in self._session.rows(_UP, values):
                keys.setdefault((run_id, above))
            last = next(reversed(keys))
            parent = self._kin.parents([last]).get(last)
            if parent is None or parent in keys:
                break
            keys[parent] = None
        return self._in_order([*keys][::-1])

    def children(self, event: Event, size: int, after: int | None) -> list[Event]:
        """As `Browsed.children`."""
        keys = self._started_by(
            (event.run_id, event.id), "id > %s", _FIRST if after is None else after, "ASC", size
        )
        return self._in_order(keys)

    def siblings(self, event: Event) -> Siblings:
        """As `Browsed.siblings`."""
        if event.parent_id is None:
            return Siblings([event], False)
        own: Key = (event.run_id, event.id)
        parent = self._kin.parents([own]).get(own) or self._lost_parent(event)
        before = self._started_by(parent, "id < %s", event.id, "DESC", SIDE + 1)
        later = self._started_by(parent, "id > %s", event.id, "ASC", SIDE + 1)
        keys = sorted({*before[:SIDE], own, *later[:SIDE]}, key=lambda key: key[::-1])
        more = max(len(before), len(later)) > SIDE
        return Siblings(self._in_order(keys), more)

    def _lost_parent(self, event: Event) -> Key:
        """A parent whose row is gone was in the first run of the boot, for all that is known."""
        run = self._roster.by_id[event.run_id]
        return self._roster.boot_of(run).runs[0].run_id, event.parent_id or 0

    def _started_by(
        self, parent: Key, which: str, than: int, direction: str, most: int
    ) -> list[Key]:
        """What a row has started, of these ids, in order of ids."""
        runs = [run_id for run_id, _ in (parent, *self._kin.meant_by(parent))]
        sql = _CHILDREN.format(which=which, order=f"ORDER BY id {direction} LIMIT %s")
        values = [runs, parent[1], than]
        rows = self._session.rows(sql, [*values, most, *values, most, most])
        return [(run_id, number) for run_id, number in rows]

    def _in_order(self, keys: Sequence[Key]) -> list[Event]:
        there = {(each.run_id, each.id): each for each in self._reading.rows_with(keys)}
        return [there[key] for key in keys if key in there]


def _may_have(run: Run, image: Identity) -> bool:
    return run.boot_id == image.boot_id and image.host in (None, run.host)


_FIRST = -(1 << 62)
_UP = """
WITH RECURSIVE up (id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM (
        SELECT id, parent_id FROM execdb.exec WHERE run_id = %s AND id = %s
        UNION ALL
        SELECT id, parent_id FROM execdb.exec_stray WHERE run_id = %s AND id = %s) AS first
    UNION ALL
    SELECT above.id, above.parent_id, depth + 1 FROM up CROSS JOIN LATERAL (
        SELECT e.id, e.parent_id FROM execdb.exec e WHERE e.run_id = %s AND e.id = up.parent_id
        UNION ALL
        SELECT e.id, e.parent_id FROM execdb.exec_stray e
        WHERE e.run_id = %s AND e.id = up.parent_id LIMIT 1) AS above
    WHERE depth < %s)
SELECT id FROM up WHERE depth > 0 ORDER BY depth
"""
_OF_ONE = (
    "(SELECT run_id, id FROM execdb.{table} WHERE run_id = ANY(%s::bigint[]) AND parent_id = %s"
    " AND {{which}} {{order}})"
)
_CHILDREN = (
    f"{_OF_ONE.format(table='exec')} UNION ALL {_OF_ONE.format(table='exec_stray')} {{order}}"
)
