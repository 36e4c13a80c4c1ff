"""Which rows to read, as SQL: from the partitions of days and from the strays, as one."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from execdb.store.central.asking.conditions import Condition
from execdb.store.central.asking.moments import moment, within

Key = tuple[int, int]  # of an event: its run_id, its id


class Scope(NamedTuple):
    """Rows of these runs (None: of all), from `since_ns` up to `until_ns`; if there are `keys`,
    only these; `recorded` and `seen` say which kinds of rows."""

    runs: Sequence[int] | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    keys: Sequence[Key] | None = None
    recorded: bool = True
    seen: bool = False  # programs that ran before a collector


def union(columns: str, scope: Scope, conditions: Sequence[Condition], end: str = "") -> Condition:
    """A query for these columns of all rows of the scope for which the conditions hold. `end`
    follows each of its parts: a GROUP BY."""
    parts = [_stray(scope)]
    if scope.recorded:
        parts.insert(0, _regular(scope))
    where = [*_where(scope), *conditions]
    queries, values = [], list[Any]()
    for source in parts:
        every = [*where, *source.conditions]
        sql = " AND ".join(each.sql for each in every) or "true"
        queries.append(f"SELECT {columns} FROM {source.tables.sql} WHERE {sql} {end}")
        values += [*source.tables.values, *(v for each in every for v in each.values)]
    return Condition(" UNION ALL ".join(queries), values)


class _Source(NamedTuple):
    tables: Condition
    conditions: Sequence[Condition] = ()


def _regular(scope: Scope) -> _Source:
    """The ends' time is told as well, so that only their partitions of these days are read."""
    sql = "execdb.exec e LEFT JOIN execdb.exec_end d"
    sql += " ON d.run_id = e.run_id AND d.id = e.id AND d.time = e.time"
    values = []
    for operator, time_ns in ((">=", scope.since_ns), ("<=", scope.until_ns)):
        if time_ns is not None:
            sql += f" AND d.time {operator} %s"
            values.append(moment(time_ns))
    return _Source(Condition(sql, values))


def _stray(scope: Scope) -> _Source:
    sql = "execdb.exec_stray e LEFT JOIN execdb.exec_stray_end d"
    sql += " ON d.run_id = e.run_id AND d.id = e.id"
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
        sql = "(e.run_id, e.id) IN (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))"
        found.append(Condition(sql, [runs, ids]))
    return found
