"""Which rows to read, as SQL: from the partitions of days and from the strays, as one."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from execdb.store.central.asking.conditions import Condition
from execdb.store.central.asking.moments import moment, time_ns, within

Key = tuple[int, int]  # of an event: its run_id, its id


class Scope(NamedTuple):
    """Rows of these runs (None: of all), from `since_ns` up to `until_ns`; if there are `keys`,
    only these; `recorded` and `seen` say which kinds of rows. Below 100 `percent` it is a sample of
    the tables' pages. It is another one each time: a fixed one takes the same pages of each day."""

    runs: Sequence[int] | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    keys: Sequence[Key] | None = None
    recorded: bool = True
    seen: bool = False  # programs that ran before a collector
    percent: float = 100.0

    @property
    def sample(self) -> str:
        """What follows the name of a table."""
        if self.percent >= 100:
            return ""
        return f" TABLESAMPLE SYSTEM ({self.percent:.6f})"

    def of_keys(self, times: Mapping[Key, datetime]) -> "Scope":
        """Only these rows. Their times tell which partitions to read."""
        since_ns, until_ns = self.since_ns, self.until_ns
        if times:
            first_ns, last_ns = (time_ns(find(times.values())) for find in (min, max))
            since_ns = first_ns if since_ns is None else max(since_ns, first_ns)
            last_ns += 1_000  # a microsecond, which the column is rounded down to
            until_ns = last_ns if until_ns is None else min(until_ns, last_ns)
        return self._replace(since_ns=since_ns, until_ns=until_ns, keys=sorted(times))


def union(columns: str, scope: Scope, conditions: Sequence[Condition], end: str = "") -> Condition:
    """A query for these columns of all rows of the scope for which the conditions hold. `end`
    follows each of its parts: a GROUP BY."""
    where = [*_where(scope), *conditions]
    ended = any(_OF_END.search(text) for text in (columns, end, *(each.sql for each in where)))
    parts = [_stray(scope, ended)]
    if scope.recorded:
        parts.insert(0, _regular(scope, ended))
    queries, values = [], list[Any]()
    for source in parts:
        every = [*where, *source.conditions]
        sql = " AND ".join(each.sql for each in every) or "true"
        queries.append(f"SELECT {columns} FROM {source.tables.sql} WHERE {sql} {end}")
        values += [*source.tables.values, *(v for each in every for v in each.values)]
    return Condition(" UNION ALL ".join(queries), values)


_OF_END = re.compile(r"\bd\.")  # what asks for nothing of an end needs no join


class _Source(NamedTuple):
    tables: Condition
    conditions: Sequence[Condition] = ()


def _regular(scope: Scope, ended: bool) -> _Source:
    """The ends' time is told as well, so that only their partitions of these days are read."""
    sql = f"execdb.exec e{scope.sample}"
    if not ended:
        return _Source(Condition(sql))
    sql += " LEFT JOIN execdb.exec_end d"
    sql += " ON d.run_id = e.run_id AND d.id = e.id AND d.time = e.time"
    values = []
    for operator, edge_ns in ((">=", scope.since_ns), ("<=", scope.until_ns)):
        if edge_ns is not None:
            sql += f" AND d.time {operator} %s"
            values.append(moment(edge_ns))
    return _Source(Condition(sql, values))


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
