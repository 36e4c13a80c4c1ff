"""The events that come to a central store, each once.

A forwarder adds rows to a run and moves the run's cursor in one transaction, so what is new in a
run are the rows up to its cursor of now. Only partitions of times from the latest rows on are read
for them; where that gives fewer rows than were shipped, as after a clock was set back, the older
partitions are read too.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from execdb.store.central.asking.conditions import Condition, asked
from execdb.store.central.asking.moments import moment, within
from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.rows import COLUMNS, events_of
from execdb.store.central.asking.session import Session
from execdb.store.central.tables import layout
from execdb.store.event import Event
from execdb.store.reading.filter import Filter

ROWS, CHARS = 2_000, 4_000_000  # of events that are read at once, at most
_PAGE = 100  # rows that are fetched at a time: each may have very long arguments
_SLACK_NS = 60 * 10**9  # how much earlier than the latest row one may be that comes later
_EARLIEST, _LATEST = "-infinity", "infinity"


@dataclass(slots=True)
class _Place:
    """How far a run has been read. From `checked_id` on, with `checked` rows shipped until there,
    rows are looked for that began at `bound` or later, or with `older` before it."""

    run: Run
    last_id: int
    checked_id: int
    checked: int
    bound: str
    older: bool = False

    def check(self) -> None:
        """All up to the cursor was read."""
        self.older = False
        self.last_id = self.checked_id = max(self.checked_id, self.run.shipped_id)
        self.checked = self.run.shipped
        self.bound = _bound(self.run)


class Arrivals:
    """Of these runs, and of those that begin from now on, if they are `chosen`. Raises
    CentralError; nothing is read twice or left out then."""

    def __init__(self, runs: Iterable[Run], chosen: Callable[[Run], bool], wanted: Filter) -> None:
        """`wanted` is what may be asked of an event as it starts, of any time."""
        self.runs: dict[int, Run] = {}
        self._chosen = chosen
        self._places: dict[int, _Place] = {}
        self._behind: dict[int, _Place] = {}
        conditions = [*asked(wanted).conditions, *within(wanted.since_ns, None)]
        self._where = Condition(
            "".join(f" AND {each.sql}" for each in conditions),
            [value for each in conditions for value in each.values],
        )
        for run in filter(chosen, runs):
            self.runs[run.run_id] = run
            place = _Place(run, run.shipped_id, run.shipped_id, run.shipped, _bound(run))
            self._places[run.run_id] = place

    def learn(self, runs: Iterable[Run]) -> list[tuple[Run | None, Run]]:
        """What is known of runs now. Those that are chosen, each with what was known before."""
        learned = []
        for run in filter(self._chosen, runs):
            before, self.runs[run.run_id] = self.runs.get(run.run_id), run
            place = self._places.setdefault(run.run_id, _Place(run, 0, 0, 0, _EARLIEST))
            if place.last_id == 0 and place.bound == _EARLIEST and run.started_ns is not None:
                place.bound = _stamp(run.started_ns)
            place.run = run
            if place.last_id < run.shipped_id:
                self._behind[run.run_id] = place
            learned.append((before, run))
        return learned

    @property
    def are_behind(self) -> bool:
        """Whether there are events to be read."""
        return bool(self._behind)

    def next(self, session: Session) -> tuple[list[Event], int]:
        """The next ones, in each run in the order of their ids, between runs in that of time; and
        how many events were removed from the store before they could be read."""
        behind = list(self._behind.values())
        if not behind:
            return [], 0
        share = max(1, ROWS // len(behind))
        events, whole = self._read(session, behind, share)
        found = Counter(event.run_id for event in events)
        latest = {event.run_id: event.id for event in events}
        over = [place for place in behind if whole and found[place.run.run_id] < share]
        there = _count(session, over)
        for place in behind:
            place.last_id = latest.get(place.run.run_id, place.last_id)
        return events, sum(self._conclude(place, there) for place in over)

    def _read(
        self, session: Session, behind: Sequence[_Place], share: int
    ) -> tuple[list[Event], bool]:
        """At most `share` of each run; whether there was room for all of these."""
        events: list[Event] = []
        room = CHARS
        with closing(session.stream(*self._query(behind, share), _PAGE)) as rows:
            for event in events_of(rows, self.runs):
                events.append(event)
                room -= sum(map(len, event.argv))
                if room < 0:
                    return events, False
        return events, True

    def _query(self, behind: Sequence[_Place], share: int) -> tuple[str, list[Any]]:
        earliest, (where, values) = _earliest(behind), self._where
        given = [*_windows(behind), earliest, *values, *values, share, earliest]
        return _ROWS_SQL.replace("{where}", where), given

    def _conclude(self, place: _Place, there: Mapping[int, int]) -> int:
        """Of a run that was read up to its cursor: whether all that was shipped was found. How
        many rows of it are not there any more."""
        run = place.run
        missing = run.shipped - place.checked - there.get(run.run_id, 0)
        if missing > 0 and not place.older and place.bound != _EARLIEST:
            place.older, place.last_id = True, place.checked_id
            return 0
        place.check()
        del self._behind[run.run_id]
        return max(0, missing)


def _count(session: Session, places: Sequence[_Place]) -> dict[int, int]:
    """How many rows there are from where runs were checked up to their cursors."""
    if not places:
        return {}
    values = [
        [place.run.run_id for place in places],
        [place.checked_id for place in places],
        [place.run.shipped_id for place in places],
        [_EARLIEST if place.older else place.bound for place in places],
    ]
    earliest = _EARLIEST if any(place.older for place in places) else _earliest(places)
    return {row[0]: int(row[1]) for row in session.rows(_COUNT, (*values, earliest))}


def _windows(behind: Sequence[_Place]) -> list[list[Any]]:
    """Columns of a table: which rows of which run are next."""
    return [
        [place.run.run_id for place in behind],
        [place.last_id for place in behind],
        [place.run.shipped_id for place in behind],
        [_EARLIEST if place.older else place.bound for place in behind],
        [place.bound if place.older else _LATEST for place in behind],
    ]


def _earliest(places: Sequence[_Place]) -> str:
    """The same for all of them: what the server needs to leave partitions out when it plans."""
    if any(place.older or place.bound == _EARLIEST for place in places):
        return _EARLIEST
    return min(place.bound for place in places)


def _bound(run: Run) -> str:
    return _EARLIEST if run.shipped_to_ns is None else _stamp(run.shipped_to_ns)


def _stamp(time_ns: int) -> str:
    """A time before this one, as text that the server reads; of equal length, so that they can be
    compared."""
    return moment(time_ns - _SLACK_NS).isoformat(timespec="microseconds")


_KEYS = ", ".join(f"e.{name}" for name in layout.COLUMNS)
_OF_RUN = "e.run_id = w.run_id AND e.id > w.after_id AND e.id <= w.to_id"
_DAYS = "e.time >= w.since AND e.time < w.until AND e.time >= %s::timestamptz"
_ENDS = "d.run_id = e.run_id AND d.id = e.id"
_END_COLUMNS = ", ".join(f"d.{name}" for name in layout.END)
# LATERAL: for each run its next rows by the index, and for each row its end, whatever the server
# thinks of their numbers. The greatest time so far keeps the rows of a run in their order.
_ROWS_SQL = f"""
SELECT *, max(time_ns) OVER (PARTITION BY run_id ORDER BY id) AS moment FROM (
    SELECT {COLUMNS} FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::timestamptz[],
        %s::timestamptz[]) AS w (run_id, after_id, to_id, since, until)
    CROSS JOIN LATERAL (
        SELECT {_KEYS} FROM execdb.exec e WHERE {_OF_RUN} AND {_DAYS}{{where}}
        UNION ALL
        SELECT {_KEYS} FROM execdb.exec_stray e
        WHERE {_OF_RUN} AND w.until = 'infinity'{{where}}
        ORDER BY id LIMIT %s) e
    LEFT JOIN LATERAL (
        SELECT {_END_COLUMNS} FROM execdb.exec_end d
        WHERE {_ENDS} AND d.time = e.time AND d.time >= %s::timestamptz
        UNION ALL
        SELECT {_END_COLUMNS} FROM execdb.exec_stray_end d WHERE {_ENDS} LIMIT 1) d ON true
) e ORDER BY moment, run_id, id
"""
_COUNT = f"""
SELECT w.run_id, sum(e.rows) FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[],
    %s::timestamptz[]) AS w (run_id, after_id, to_id, since)
CROSS JOIN LATERAL (
    SELECT count(*) AS rows FROM execdb.exec e
    WHERE {_OF_RUN} AND e.time >= w.since AND e.time >= %s::timestamptz
    UNION ALL
    SELECT count(*) FROM execdb.exec_stray e WHERE {_OF_RUN}) e
GROUP BY 1
"""
