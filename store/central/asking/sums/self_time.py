"""How much of an image's time its children take, as `overview.self_time` says it, on the server."""

from collections.abc import Sequence

from execdb.store.central.asking.conditions import STATUS, Condition
from execdb.store.central.asking.reading import Portion
from execdb.store.central.asking.sources import Key, union

DURATION_NS = "coalesce(e.duration_ns, d.duration_ns)"
_FOR_EVER = 1 << 61  # ns, of a child whose end is not known


def children_ns(columns: Sequence[str], portion: Portion, kin: Sequence[Key]) -> Condition:
    """A query for the columns, and how much of the time of the rows that have them was that of
    their children. `kin` are runs, each with those in which its children may be."""
    names = [f"key{place}" for place, _ in enumerate(columns)]
    keys = ", ".join(f"{column} AS {name}" for column, name in zip(columns, names, strict=True))
    chosen = union(
        f"{keys}{', ' * bool(keys)}e.run_id, e.id, e.pid, e.boot_ns, {DURATION_NS} AS duration_ns",
        portion.scope,
        [*portion.conditions, Condition(f"{DURATION_NS} > 0")],
    )
    shown = ", ".join(f"parent.{name}" for name in names)
    of_runs = portion.scope.runs
    if of_runs is not None:
        ours = {*of_runs}
        ours |= {below for above, below in kin if above in ours}
        kin = [pair for pair in kin if pair[0] in ours]
    sql = _SQL.format(
        chosen=chosen.sql,
        some="true" if of_runs is None else _SOME,
        shown=f"{shown}{', ' * bool(names)}",
        group=f"GROUP BY {shown}" if names else "",
    )
    runs = [[above for above, _ in kin], [below for _, below in kin]]
    return Condition(sql, [*runs, *chosen.values])


_SOME = "e.run_id = ANY ((SELECT array_agg(below) FROM kin)::bigint[])"
# The rows of all tables, with their ends, or only those of runs in `kin`.
_IMAGES = f"""(
    SELECT e.run_id, e.id, e.pid, e.parent_id, e.errno, e.boot_ns, {STATUS} AS status,
        {DURATION_NS} AS duration_ns
    FROM execdb.exec e
    LEFT JOIN execdb.exec_end d ON d.run_id = e.run_id AND d.id = e.id AND d.time = e.time
    WHERE {{some}}
    UNION ALL
    SELECT e.run_id, e.id, e.pid, e.parent_id, e.errno, e.boot_ns, {STATUS}, {DURATION_NS}
    FROM execdb.exec_stray e
    LEFT JOIN execdb.exec_stray_end d ON d.run_id = e.run_id AND d.id = e.id
    WHERE {{some}})"""
# `child` may be of a later run only where that run has no row with the parent's id itself.
_SQL = f"""
WITH RECURSIVE kin (above, below) AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[])),
parent AS MATERIALIZED ({{chosen}}),
child AS MATERIALIZED (
    SELECT parent.run_id AS p_run, parent.id AS p_id, c.run_id, c.id, c.pid, c.status,
        c.duration_ns, greatest(0, c.boot_ns - parent.boot_ns) AS from_ns
    FROM parent JOIN kin ON kin.above = parent.run_id
    JOIN {_IMAGES} c ON c.run_id = kin.below AND c.parent_id = parent.id
    WHERE c.errno IS NULL AND c.pid <> parent.pid
    AND (kin.above = kin.below OR NOT EXISTS (
        SELECT FROM {_IMAGES} own WHERE own.run_id = c.run_id AND own.id = c.parent_id))),
chain (c_run, c_id, run_id, id, pid, status, duration_ns) AS (
    SELECT run_id, id, run_id, id, pid, status, duration_ns FROM child WHERE status = -1
    UNION
    SELECT c_run, c_id, n.run_id, n.id, n.pid, n.status, coalesce(n.duration_ns, {_FOR_EVER})
    FROM chain JOIN kin ON kin.above = chain.run_id
    JOIN {_IMAGES} n ON n.run_id = kin.below AND n.parent_id = chain.id
    WHERE chain.status = -1 AND n.pid = chain.pid AND n.errno IS NULL),
lasts AS (
    SELECT c_run, c_id, least(sum(duration_ns), {_FOR_EVER}) AS ns FROM chain GROUP BY c_run, c_id),
part AS (
    SELECT p_run, p_id, from_ns, least(parent.duration_ns, coalesce(from_ns +
        CASE WHEN child.status = -1 THEN lasts.ns ELSE child.duration_ns END,
        parent.duration_ns)) AS to_ns
    FROM child JOIN parent ON parent.run_id = p_run AND parent.id = p_id
    LEFT JOIN lasts ON lasts.c_run = child.run_id AND lasts.c_id = child.id
    WHERE from_ns < parent.duration_ns),
took AS (
    SELECT p_run, p_id, least(sum(to_ns - from_ns), max(to_ns) - min(from_ns)) AS ns
    FROM part GROUP BY p_run, p_id)
SELECT {{shown}}sum(took.ns) FROM took JOIN parent ON parent.run_id = p_run AND parent.id = p_id
{{group}}
"""
