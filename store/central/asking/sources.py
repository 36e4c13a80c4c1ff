"""Which rows to read, as SQL: from the partitions of days and from the strays, as one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from execdb.store.central.asking.conditions import Condition
from execdb.store.central.asking.moments import moment, time_ns, within
from execdb.store.central.tables.layout import TIME_NS, TIME_NS_OF_DAY

Key = tuple[int, int]  # of an event: its run_id, its id
DAY_NS = 86_400 * 10**9


class Scope(NamedTuple):
    """Rows of these runs (None: of all), from `since_ns` up to `until_ns`; if there are `keys`,
    only these; `recorded` and `seen` say which kinds of rows. `days` are those that may have such
    rows (None: any), in order, as the ns since 1970 when they begin. Below 100 `percent` it is a
    sample of the tables' pages. It is another one each time: a fixed one takes the same pages of
    each day."""

    runs: Sequence[int] | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    keys: Sequence[Key] | None = None
    recorded: bool = True
    seen: bool = False  # programs that ran before a collector
    percent: float = 100.0
    days: Sequence[int] | None = None

    @property
    def sample(self) -> str:
        """What follows the name of a table."""
        if self.percent >= 100:
            return ""
        return f" TABLESAMPLE SYSTEM ({self.percent:.6f})"

    def of_keys(self, times: Mapping[Key, datetime]) -> "Scope":
        """Only these rows. Their times tell which partitions to read."""
        return self._replace(keys=sorted(times), days=days_of(map(time_ns, times.values())))

    def within(self, since_ns: int | None, until_ns: int | None) -> "Scope":
        """Only the rows of this time."""
        days = self.days
        if days is not None:
            days = [
                day
                for day in days
                if (since_ns is None or day + DAY_NS > since_ns)
                and (until_ns is None or day < until_ns)
            ]
        return self._replace(since_ns=since_ns, until_ns=until_ns, days=days)


def days_of(times: Iterable[int]) -> list[int]:
    """When the days of these times (ns since 1970, UTC) begin, in order."""
    return sorted({time_ns // DAY_NS * DAY_NS for time_ns in times})


def union(columns: str, scope: Scope, conditions: Sequence[Condition], end: str = "") -> Condition:
    """A query for these columns of all rows of the scope for which the conditions hold. `end`
    follows each of its parts: a GROUP BY."""
    where = [*_where(scope), *conditions]
    ended = any(_OF_END.search(text) for text in (columns, end, *(each.sql for each in where)))
    parts = [_stray(scope, ended)]
    if scope.recorded and scope.days != []:
        parts.insert(0, _regular(scope, ended))
    queries, values = [], list[Any]()
    for source in parts:
        every = [*where, *source.conditions]
        sql = " AND ".join(each.sql for each in every) or "true"
        shown = columns.replace(TIME_NS, source.time_ns)
        queries.append(f"SELECT {shown} FROM {source.tables.sql} WHERE {sql} {end}")
        values += [*source.tables.values, *(v for each in every for v in each.values)]
    return Condition(" UNION ALL ".join(queries), values)


_OF_END = re.compile(r"\bd\.")  # what asks for nothing of an end needs no join


class _Source(NamedTuple):
    tables: Condition
    conditions: Sequence[Condition] = ()
    time_ns: str = TIME_NS


def _regular(scope: Scope, ended: bool) -> _Source:
    """The ends' time is told as well, so that only their partitions of these days are read."""
    sql = f"execdb.exec e{scope.sample}"
    conditions = [] if scope.days is None else [Condition(on_days("e.time", scope.days))]
    if not ended:
        return _Source(Condition(sql), conditions, TIME_NS_OF_DAY)
    sql += " LEFT JOIN execdb.exec_end d"
    sql += " ON d.run_id = e.run_id AND d.id = e.id AND d.time = e.time"
    values = []
    for operator, edge_ns in ((">=", scope.since_ns), ("<=", scope.until_ns)):
        if edge_ns is not None:
            sql += f" AND d.time {operator} %s"
            values.append(moment(edge_ns))
    if scope.days is not None:
        sql += f" AND {on_days('d.time', scope.days)}"
    return _Source(Condition(sql, values), conditions, TIME_NS_OF_DAY)


def on_days(column: str, days: Sequence[int]) -> str:
    """SQL: that a time is on one of these days, so that only their partitions are read."""
    edges: list[list[int]] = []
    for day in days:
        if edges and edges[-1][1] == day:
            edges[-1][1] += DAY_NS
        else:
            edges.append([day, day + DAY_NS])
    spans = (tuple(moment(edge).isoformat() for edge in pair) for pair in edges)
    each = (f"{column} >= '{since}' AND {column} < '{until}'" for since, until in spans)
    return f"({' OR '.join(each) or 'false'})"


def _stray(scope: Scope, ended: bool) -> _Source:
    sql = f"execdb.exec_stray e{scope.sample}"
    if ended:
        sql += " LEFT JOIN execdb.exec_stray_end d ON d.run_id = e.run_id AND d.id = e.id"
    only = [] if scope.seen else [Condition("e.id > 0")]
    if not scope.recorded:
        only.append(Condition("e.id < 0"))
    return _Source(Condition(sql), only)


def _where(scope: Scope) -> list[Condition]:
    found = [*within(scope.since_ns, scope.until_ns)]
    if scope.runs is not None:
        found.append(Condition("e.run_id = ANY(%s::bigint[])", [list(scope.runs)]))
    if scope.keys is not None:
        runs, ids = [run for run, _ in scope.keys], [id_ for _, id_ in scope.keys]
        if len({*runs}) == 1:  # an index is read for this, whatever the server estimates
            sql = "e.run_id = %s AND e.id = ANY((SELECT %s::bigint[])::bigint[])"
            return [*found, Condition(sql, [runs[0], ids])]
        sql = "(e.run_id, e.id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))"
        found.append(Condition(sql, [runs, ids]))
    return found
