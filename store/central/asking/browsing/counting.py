"""How many events there are over time, and which values they have, as the server counts them."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from execdb.store.browsing.facets import FIELDS, Facets
from execdb.store.browsing.survey import Interval, Survey
from execdb.store.central.asking.conditions import NOT_WELL, STATUS
from execdb.store.central.asking.moments import moment
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.rows import value_reader
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import union
from execdb.store.central.tables.layout import expression
from execdb.store.event import REPLACED, Event
from execdb.store.fields import FIELD_OF
from execdb.store.reading.filter import Filter

_VALUES_MAX = 50_000  # that are kept, the most frequent ones: whoever runs programs makes names


def survey(
    session: Session,
    reading: Reading,
    wanted: Filter,
    edges: Sequence[int],
    late: Callable[[], bool],
) -> tuple[Survey, Facets]:
    """As `Browsed.survey`. Raises CentralError."""
    found = Survey([Interval(*pair) for pair in pairwise(edges)])
    values: dict[str, Counter[Any]] = {name: Counter() for name in _COLUMNS}
    if reading.asked(wanted).rest:
        _look(reading, wanted, edges, late, found, values)
    else:
        _sum(session, reading, wanted, edges, found, values)
    return found, values


def _sum(
    session: Session,
    reading: Reading,
    wanted: Filter,
    edges: Sequence[int],
    found: Survey,
    values: dict[str, Counter[Any]],
) -> None:
    """The server counts what is alike, and sums that up by interval and by value."""
    slot = f"width_bucket(e.time, '{_listed(edges[1:-1])}'::timestamptz[])"
    columns = {"slot": slot, **_COLUMNS}
    keys = ", ".join(f"{sql} AS {name}" for name, sql in columns.items())
    numbers = ", ".join(str(1 + place) for place in range(len(columns)))
    sums = f"count(*) AS execs, sum({NOT_WELL}::int) AS failed"
    question = reading.asked(wanted).conditions
    query = union(f"{keys}, {sums}", reading.scope(wanted), question, f"GROUP BY {numbers}")
    names = ", ".join(columns)
    sql = (
        f"SELECT grouping({names}), {names}, sum(execs)::bigint, sum(failed)::bigint"
        f" FROM ({query.sql}) AS alike"
        f" GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in columns)})"
        f" ORDER BY slot, sum(execs) DESC LIMIT {_VALUES_MAX}"
    )
    for grouping, at, *row, execs, failed in session.stream(sql, query.values):
        place = _PLACE_OF[grouping]
        if place == 0:
            found.intervals[at].execs, found.intervals[at].failed = execs, failed
            continue
        name, value = [*_COLUMNS][place - 1], row[place - 1]
        read = _READERS[name]
        values[name][value if value is None or read is None else read(value)] += execs


def _listed(edges: Sequence[int]) -> str:
    """Times as an array of PostgreSQL. All but the first and the last are whole microseconds."""
    return "{" + ",".join(moment(edge).isoformat() for edge in edges) + "}"


def _look(
    reading: Reading,
    wanted: Filter,
    edges: Sequence[int],
    late: Callable[[], bool],
    found: Survey,
    values: dict[str, Counter[Any]],
) -> None:
    """What SQL cannot say is looked for in the newest events first."""
    question = reading.asked(wanted)
    wants = question.wants
    for part in reading.parts(reading.scope(wanted), reverse=True):
        for event in reading.rows(part, question, reverse=True, limit=0):
            if wants(event):
                _add(found.intervals[bisect_right(edges, event.time_ns) - 1], event, values)
            if late():
                found.since_ns = event.time_ns
                return


def _add(interval: Interval, event: Event, values: dict[str, Counter[Any]]) -> None:
    interval.execs += 1
    interval.failed += _outcome(event) in ("exit", "signal", "refused")
    for name, counter in values.items():
        counter[_outcome(event) if name == "outcome" else getattr(event, name)] += 1


def _outcome(event: Event) -> str:
    if event.errno is not None:
        return "refused"
    if event.ended is None:
        return "running"
    if event.ended == "exec":
        return "replaced"
    if event.ended == "signal":
        return "signal"
    return "exit" if event.exit_code else "succeeded"


_COLUMNS = {name: expression(FIELD_OF[name]) for name in FIELDS} | {
    "outcome": (
        f"CASE WHEN e.errno IS NOT NULL THEN 'refused' WHEN {STATUS} IS NULL THEN 'running'"
        f" WHEN {STATUS} = {REPLACED} THEN 'replaced' WHEN {STATUS} & 127 <> 0 THEN 'signal'"
        f" WHEN {STATUS} & 65280 <> 0 THEN 'exit' ELSE 'succeeded' END"
    )
}
_READERS: dict[str, Callable[[Any], Any] | None] = {
    name: value_reader(FIELD_OF[name]) if name in FIELD_OF else None for name in _COLUMNS
}


def _groupings(columns: int) -> Iterator[tuple[int, int]]:
    """What `grouping` says of a row that was grouped by one column alone, and its place."""
    for place in range(columns):
        yield (1 << columns) - 1 & ~(1 << columns - 1 - place), place


_PLACE_OF = dict(_groupings(1 + len(_COLUMNS)))
