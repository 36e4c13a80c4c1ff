"""How many events there are in each interval of time, as the server counts them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from execdb.store.central.asking.conditions import NOT_WELL
from execdb.store.central.asking.extent import extent_of
from execdb.store.central.asking.moments import moment, time_ns
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import union
from execdb.store.central.asking.sums.grouping import Grouping
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.overview.timeline import Slots, ValuesOf
from execdb.store.reading.filter import Filter


def span_of(session: Session, roster: Roster, wanted: Filter) -> tuple[int, int] | None:
    """From the first row of these runs within the time that is wanted up to the last one; None if
    there are none."""
    runs = [run.run_id for run in roster.wanted(wanted)]
    every = len(runs) == len(roster.runs)
    found = extent_of(session, None if every else runs, wanted.since_ns, wanted.until_ns)
    return (found[0], found[1] + 1) if found else None


class Counter:
    """Counts for `overview.timeline.divided`."""

    def __init__(self, session: Session, roster: Roster, reading: Reading, wanted: Filter) -> None:
        self._session, self._roster = session, roster
        self._reading, self._wanted = reading, wanted

    def __call__(
        self, fields: tuple[str, ...], slots: Slots
    ) -> Iterator[tuple[ValuesOf, Iterable[Sequence[Any]]]]:
        grouping = Grouping(fields, self._roster.by_id)
        columns = ", ".join((_slot(slots), *grouping.columns, "count(*)", f"sum({NOT_WELL}::int)"))
        numbers = ", ".join(str(1 + at) for at in range(1 + len(grouping.columns)))
        for portion in self._reading.portions(self._wanted):
            query = union(columns, portion.scope, portion.conditions, f"GROUP BY {numbers}")
            rows = self._session.sums(*query)
            yield grouping.values, ((_number(slots, slot), *row) for slot, *row in rows)


def _slot(slots: Slots) -> str:
    """SQL of the slot of a row: of its beginning, if all begin at whole microseconds, which takes a
    tenth of the time."""
    if slots.begin_ns % 1_000 or slots.unit_ns % 1_000:
        return f"(({TIME_NS} - {slots.begin_ns:d}) / {slots.unit_ns:d})::bigint"
    begin = moment(slots.begin_ns).isoformat()
    return f"date_bin(make_interval(secs => {slots.unit_ns / 1e9!r}), e.time, '{begin}')"


def _number(slots: Slots, slot: int | datetime) -> int:
    if isinstance(slot, int):
        return slot
    return (time_ns(slot) - slots.begin_ns) // slots.unit_ns
