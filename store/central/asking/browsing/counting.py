"""How many events there are over time, and which values they have, as the server counts them.

Of very many rows a sample is counted. Values are counted of a smaller one: there may be as many
of them as rows.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

from execdb.store.browsing.facets import FIELDS, Facets
from execdb.store.browsing.survey import Interval, Survey
from execdb.store.central.asking.conditions import NOT_WELL, STATUS, Condition
from execdb.store.central.asking.moments import moment
from execdb.store.central.asking.reading import Reading
from execdb.store.central.asking.rows import value_reader
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Scope, union
from execdb.store.central.tables.layout import expression
from execdb.store.event import REPLACED, Event
from execdb.store.fields import FIELD_OF
from execdb.store.reading.filter import Filter

_ROWS_MAX = 200_000  # that are counted over time
_FEW = 4  # times as many are looked at if terms leave some out
_OF_VALUES_MAX = 50_000  # of which values are counted
_VALUES_MAX = 50_000  # that are kept, the most frequent ones: whoever runs programs makes names


def survey(
    session: Session,
    reading: Reading,
    wanted: Filter,
    edges: Sequence[int],
    all_rows: bool,
    late: Callable[[], bool],
) -> tuple[Survey, Facets]:
    """As `Browsed.survey`. Raises CentralError."""
    found = Survey([Interval(*pair) for pair in pairwise(edges)])
    values: dict[str, Counter[Any]] = {name: Counter() for name in _COLUMNS}
    question = reading.asked(wanted)
    if question.rest:
        _look(reading, wanted, edges, late, found, values)
        return found, values
    session.join_by_day()
    scope = reading.scope(wanted)
    some = scope
    if not all_rows:
        rows = reading.rows_in(scope)
        most = _FEW * _ROWS_MAX if question.conditions else _ROWS_MAX
        scope = scope._replace(percent=_percent(most, rows))
    _count(session, scope, question.conditions, edges, found)
    if not all_rows:
        percent = min(_percent(_ROWS_MAX, rows), _percent(_OF_VALUES_MAX, found.execs))
        some = scope._replace(percent=percent)
    found.rows = found.execs
    found.read = _count_values(session, some, question.conditions, values)
    if 0 < found.read < found.rows:
        scale = found.rows / found.read
        values = {name: _scaled(counter, scale) for name, counter in values.items()}
    return found, values


def _percent(most: int, rows: int) -> float:
    """Of the rows, so that about so many are read."""
    return 100.0 if rows <= most else 100.0 * most / rows


def _count(
    session: Session,
    scope: Scope,
    conditions: Sequence[Condition],
    edges: Sequence[int],
    found: Survey,
) -> None:
    """By interval."""
    slot = f"width_bucket(e.time, '{_listed(edges[1:-1])}'::timestamptz[])"
    sums = f"count(*) AS execs, sum({NOT_WELL}::int) AS failed"
    query = union(f"{slot} AS slot, {sums}", scope, conditions, "GROUP BY 1")
    sql = "SELECT slot, sum(execs)::bigint, sum(failed)::bigint FROM"
    scale = 100 / scope.percent
    for at, execs, failed in session.rows(f"{sql} ({query.sql}) AS e GROUP BY slot", query.values):
        found.intervals[at].execs = execs if scale == 1 else execs * scale
        found.intervals[at].failed = failed if scale == 1 else failed * scale
    found.execs_exact = found.failed_exact = scale == 1


def _count_values(
    session: Session,
    scope: Scope,
    conditions: Sequence[Condition],
    values: dict[str, Counter[Any]],
) -> int:
    """By each value. Returns of how many events."""
    columns = ", ".join(f"{sql} AS {name}" for name, sql in _COLUMNS.items())
    query = union(columns, scope, conditions)
    names = ", ".join(_COLUMNS)
    sql = (
        f"SELECT grouping({names}), {names}, count(*) FROM ({query.sql}) AS e"
        f" GROUP BY GROUPING SETS ({', '.join(f'({name})' for name in _COLUMNS)})"
        f" ORDER BY count(*) DESC LIMIT {_VALUES_MAX}"
    )
    for grouping, *row, execs in session.stream(sql, query.values):
        place = _PLACE_OF[grouping]
        name, value = [*_COLUMNS][place], row[place]
        read = _READERS[name]
        values[name][value if value is None or read is None else read(value)] += execs
    return values["outcome"].total()


def _scaled(counter: Counter[Any], scale: float) -> Counter[Any]:
    found: Counter[Any] = Counter()
    for value, number in counter.items():
        found[value] = number * scale  # type: ignore[assignment]  # estimates are no whole numbers
    return found


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
    for part in reading.parts(reading.scope(wanted), reverse=True, small=True):
        if found.since_ns is not None and late():
            return
        for event in reading.rows(part, question, reverse=True, limit=0):
            if wants(event):
                _add(found.intervals[bisect_right(edges, event.time_ns) - 1], event, values)
            if late():
                found.since_ns = event.time_ns
                return
        found.since_ns = part.since_ns
    found.since_ns = None


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


_PLACE_OF = dict(_groupings(len(_COLUMNS)))
