"""Programs of which the end is waited for, while a central store is followed."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from execdb.store.central.asking.moments import moment
from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.rows import COLUMNS, events_of
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Key
from execdb.store.central.tables import layout
from execdb.store.event import Event
from execdb.store.reading.following import RUNNING_MAX

_TOGETHER = 200  # events that are read at once
_DAY_NS = 86_400_000_000_000


class Running:
    """At most RUNNING_MAX of them. Raises CentralError; what was not read is still waited for."""

    def __init__(self) -> None:
        self._times: dict[Key, int] = {}  # in the order of their starts
        self._looked_for: dict[Key, None] = {}

    def add(self, event: Event) -> bool:
        """Whether an earlier one had to be given up."""
        self._times[event.run_id, event.id] = event.time_ns
        if len(self._times) <= RUNNING_MAX:
            return False
        del self._times[next(iter(self._times))]
        return True

    def look_for(self, runs: Collection[int] | None) -> None:
        """Ends may have come of these runs, or (None) of any."""
        self._looked_for |= {key: None for key in self._times if runs is None or key[0] in runs}

    @property
    def may_have_ended(self) -> bool:
        return bool(self._looked_for)

    def next_ended(self, session: Session, runs: Mapping[int, Run]) -> list[Event]:
        """Of the next that may have ended those that have, in the order of their ends."""
        looked_for = list(islice(self._looked_for, _TOGETHER))
        keys = [key for key in looked_for if key in self._times]
        events = list(events_of(iter(self._rows(session, keys)), runs))
        for key in looked_for:
            del self._looked_for[key]
        for event in events:
            del self._times[event.run_id, event.id]
        return sorted(events, key=lambda event: event.time_ns + (event.duration_ns or 0))

    def _rows(self, session: Session, keys: Sequence[Key]) -> list[tuple[Any, ...]]:
        """By days, so that the server leaves out the partitions of others when it plans."""
        of_day: defaultdict[int, list[Key]] = defaultdict(list)
        for key in keys:
            of_day[self._times[key] // _DAY_NS].append(key)
        found = []
        for some in of_day.values():
            times = [moment(self._times[key]) for key in some]
            ids = [run_id for run_id, _ in some], [id_ for _, id_ in some]
            bounds = min(times), max(times)
            found += session.rows(_ENDED, (*ids, times, *bounds, *bounds))
        return found


_ROW = ", ".join(f"e.{name}" for name in layout.COLUMNS)
_END = ", ".join(f"d.{name}" for name in layout.END)
_KEY = "{0}.run_id = w.run_id AND {0}.id = w.id"
_KEY_AND_TIME = _KEY + " AND {0}.time = w.time AND {0}.time BETWEEN %s AND %s"
# LATERAL: each row by the index, whatever the server thinks of their number.
_ENDED = f"""
SELECT {COLUMNS}
FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS w (run_id, id, time)
CROSS JOIN LATERAL (
    SELECT {_END} FROM execdb.exec_end d WHERE {_KEY_AND_TIME.format("d")}
    UNION ALL
    SELECT {_END} FROM execdb.exec_stray_end d WHERE {_KEY.format("d")} LIMIT 1) d
CROSS JOIN LATERAL (
    SELECT {_ROW} FROM execdb.exec e WHERE {_KEY_AND_TIME.format("e")}
    UNION ALL
    SELECT {_ROW} FROM execdb.exec_stray e WHERE {_KEY.format("e")} LIMIT 1) e
"""
