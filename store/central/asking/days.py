"""Which days have what is asked for, and how to divide a time by days, so that an answer is sorted
in parts."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import DAY_NS, Key, Scope

_SORTED_BYTES = 128 << 20  # of tables, as many as are sorted at once
_GROWTH = 3  # from part to part, up to what the share allows
_FIRST_BYTES = 16 << 20  # of the first part, where the days are known that may have something


class _Day(NamedTuple):
    """A row of `run_day`; `parents` are those outside of the ids, None if they are too many."""

    day_ns: int
    first_id: int
    last_id: int
    parents: frozenset[int] | None

    def has_one_of(self, ids: Sequence[int]) -> bool:
        """Whether any of these ids, in order, may be of this day."""
        place = bisect_left(ids, self.first_id)
        return place < len(ids) and ids[place] <= self.last_id

    def has_child_of(self, ids: Sequence[int]) -> bool:
        return self.parents is None or self.has_one_of(ids) or not self.parents.isdisjoint(ids)


class Days:
    """The days on which runs have events. All methods raise CentralError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[int, list[_Day]] = {}

    def of_runs(self, runs: Sequence[int] | None, uids: Sequence[int] | None) -> list[int]:
        """Those on which any of these runs (None: of all) has events of one of these users (None:
        of anybody)."""
        values = [None if each is None else [*each] for each in (runs, runs, uids, uids)]
        return [int(row[0]) for row in self._session.rows(_OF_RUNS, values)]

    def with_ids(self, keys: Collection[Key]) -> list[int]:
        """Those that may have any of these rows."""
        return self._with(keys, _Day.has_one_of)

    def with_children(self, keys: Collection[Key]) -> list[int]:
        """Those that may have rows with one of these as their parent, in the same run."""
        return self._with(keys, _Day.has_child_of)

    def _with(self, keys: Collection[Key], has: Callable[[_Day, Sequence[int]], bool]) -> list[int]:
        ids: defaultdict[int, list[int]] = defaultdict(list)
        for run_id, id_ in sorted(keys):
            ids[run_id].append(id_)
        self._learn(ids)
        return sorted(
            {day.day_ns for run_id, some in ids.items() for day in self._known[run_id]
             if has(day, some)}
        )  # fmt: skip

    def _learn(self, runs: Iterable[int]) -> None:
        new = [run_id for run_id in runs if run_id not in self._known]
        if not new:
            return
        self._known |= {run_id: [] for run_id in new}
        for run_id, day_ns, first_id, last_id, parents in self._session.rows(_DAYS, [new]):
            others = None if parents is None else frozenset(parents)
            self._known[run_id].append(_Day(int(day_ns), first_id, last_id, others))


def stretches(
    session: Session, scope: Scope, reverse: bool, share: float, together: float = _SORTED_BYTES
) -> Iterator[Scope]:
    """The scope in parts, in the order of reading. Each is of one day, or of more if their tables
    have fewer bytes `together`. `share` is the part of all rows that its runs have."""
    if scope.days is not None:
        together = min(together, _FIRST_BYTES)
    edges = [
        scope.since_ns,
        *reversed([*_edges(session, scope, share, together)]),
        scope.until_ns,
    ]
    parts = [scope.within(since_ns, until_ns) for since_ns, until_ns in pairwise(edges)]
    yield from reversed(parts) if reverse else parts


def begins(session: Session) -> list[int]:
    """When the days begin that have a partition, in order."""
    known = (_begin_ns(name) for name, _ in session.rows(_PARTITIONS))
    return [begin_ns for begin_ns in known if begin_ns is not None]


def size_of(session: Session, scope: Scope) -> int:
    """The bytes of the tables that have rows of the time of a scope."""
    known = [(_begin_ns(name), size or 0) for name, size in session.rows(_PARTITIONS)]
    since_ns, until_ns = scope.since_ns, scope.until_ns
    days = sum(
        size
        for begin_ns, size in known
        if begin_ns is None
        or (
            (since_ns is None or begin_ns + DAY_NS > since_ns)
            and (until_ns is None or begin_ns < until_ns)
            and (scope.days is None or begin_ns in scope.days)
        )
    )
    return int(days + session.rows(_STRAYS)[0][0])


def _edges(session: Session, scope: Scope, share: float, first: float) -> Iterator[int]:
    """Midnights within the scope between which there is enough, the last one first. The last days
    are read alone: where only some events are asked for, they often have them."""
    together, enough = 0, first
    for name, size in reversed(session.rows(_PARTITIONS)):
        begin_ns = _begin_ns(name)
        if begin_ns is None or (scope.until_ns is not None and begin_ns >= scope.until_ns):
            continue
        if scope.days is not None and begin_ns not in scope.days:
            continue
        if scope.since_ns is not None and begin_ns <= scope.since_ns:
            return
        together += size or 0
        if together > enough:
            yield begin_ns
            together, enough = 0, min(_GROWTH * enough, _SORTED_BYTES / share)


def _begin_ns(name: str) -> int | None:
    """When the day of `exec_20260131` begins."""
    try:
        day = datetime.strptime(name, "exec_%Y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    return int(day.timestamp()) * 10**9


_PARTITIONS = """
SELECT c.relname::text, pg_relation_size(c.oid)
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'execdb.exec'::regclass ORDER BY c.relname
"""
_DAY = f"((day - '1970-01-01'::date) * {DAY_NS})"
_OF_RUNS = f"""
SELECT DISTINCT {_DAY} FROM execdb.run_day
WHERE (%s::bigint[] IS NULL OR run_id = ANY(%s::bigint[]))
    AND (%s::bigint[] IS NULL OR uids IS NULL OR uids && %s::bigint[]) ORDER BY 1
"""
_DAYS = f"""
SELECT run_id, {_DAY}, first_id, last_id, parents FROM execdb.run_day
WHERE run_id = ANY(%s::bigint[])
"""
_STRAYS = "SELECT pg_relation_size('execdb.exec_stray')"
