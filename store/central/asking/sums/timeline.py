"""How many events there are in each interval of time, as the server counts them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from execdb.store.central.asking.conditions import NOT_WELL
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Scope, union
from execdb.store.central.asking.sums.grouping import Grouping
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.overview.timeline import Slots, ValuesOf
from execdb.store.reading.filter import Filter


def span_of(session: Session, roster: Roster, wanted: Filter) -> tuple[int, int] | None:
    """From the first row of these runs within the time that is wanted up to the last one; None if
    there are none."""
    runs = [run.run_id for run in roster.wanted(wanted)]
    scope = Scope(runs, wanted.since_ns, wanted.until_ns)
    query = union(f"min({TIME_NS}), max({TIME_NS})", scope, [])
    rows = [row for row in session.rows(*query) if row[0] is not None]
    return (min(row[0] for row in rows), max(row[1] for row in rows) + 1) if rows else None


class Counter:
    """Counts for `overview.timeline.divided`."""

    def __init__(self, session: Session, roster: Roster, reading: Reading, wanted: Filter) -> None:
        self._session, self._roster = session, roster
        self._reading, self._wanted = reading, wanted

    def __call__(
        self, fields: tuple[str, ...], slots: Slots
    ) -> Iterator[tuple[ValuesOf, Iterable[Sequence[Any]]]]:
        grouping = Grouping(fields, self._roster.by_id)
        slot = f"(({TIME_NS} - {slots.begin_ns:d}) / {slots.unit_ns:d})::bigint"
        columns = ", ".join((slot, *grouping.columns, "count(*)", f"sum({NOT_WELL}::int)"))
        numbers = ", ".join(str(1 + at) for at in range(1 + len(grouping.columns)))
        for portion in self._reading.portions(self._wanted):
            query = union(columns, portion.scope, portion.conditions, f"GROUP BY {numbers}")
            yield grouping.values, self._session.stream(*query)
