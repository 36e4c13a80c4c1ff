"""How much of an image's time its children take, as `overview.self_time` says it, on the server.

Where many images are asked for, children are summed up by parent first; only where one outlived its
parent, execed or has no end, is each of them looked at.
"""

from collections.abc import Sequence

from execdb.store.central.asking.conditions import STATUS, Condition
from execdb.store.central.asking.moments import moment
from execdb.store.central.asking.reading import Portion, Reading
from execdb.store.central.asking.roster import Roster
from execdb.store.central.asking.sources import Key, Scope, union

DURATION_NS = "coalesce(e.duration_ns, d.duration_ns)"
_FOR_EVER = 1 << 61  # ns, of a child whose end is not known
_MANY = 10  # one in so many of the rows from the first on
_APART_NS = 10**9  # more than a child can seem to be older than its parent


def children_ns(
    columns: Sequence[str], portion: Portion, reading: Reading, roster: Roster
) -> Condition:
    """A query for the columns, and how much of the time of the rows that have them was that of
    their children."""
    scope = portion.scope
    kin = _kin(roster.kin, scope.runs)
    names = [f"key{place}" for place, _ in enumerate(columns)]
    chosen = union(
        "".join(f"{column} AS {name}, " for column, name in zip(columns, names, strict=True))
        + f"e.run_id, e.id, e.pid, e.boot_ns, {STATUS} AS status, {DURATION_NS} AS duration_ns",
        scope,
        [*portion.conditions, Condition(f"{DURATION_NS} > 0")],
    )
    some = "true" if scope.runs is None else _SOME
    if scope.since_ns is not None and not roster.shifts:
        some += f" AND e.time >= '{moment(scope.since_ns - _APART_NS).isoformat()}'"
    keys = "".join(f"{name}, " for name in names)
    many = _are_many(scope, reading)
    elsewhere = any(above != below for above, below in kin)
    parents = (_FAMILY_AND_OTHERS if elsewhere else _FAMILY) if many else _EACH
    sql = f"{_KIN}, {parents}, {_LOOKED_AT}{_SUMMED_UP if many else ''}) AS took"
    sql = sql.replace("{orphan}", _ORPHAN if elsewhere else "")
    sql = sql.replace("{images}", _IMAGES).replace("{some}", some)
    sql = sql.replace("{chosen}", chosen.sql).replace("{keys}", keys)
    runs = [[above for above, _ in kin], [below for _, below in kin]]
    end = f" GROUP BY {', '.join(names)}" if names else ""
    return Condition(f"{sql}{end}", [*runs, *chosen.values])


def _kin(kin: Sequence[Key], runs: Sequence[int] | None) -> Sequence[Key]:
    """Runs, each with those in which its children may be: of these runs, and of what is below."""
    if runs is None:
        return kin
    ours = {*runs}
    ours |= {below for above, below in kin if above in ours}
    return [pair for pair in kin if pair[0] in ours]


def _are_many(scope: Scope, reading: Reading) -> bool:
    """Whether summing up all children costs less than finding those of each row."""
    if scope.keys is not None:
        return False
    return reading.rows_in(scope) * _MANY >= reading.rows_in(scope._replace(until_ns=None))


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
_KIN = "WITH RECURSIVE kin (above, below) AS (SELECT * FROM unnest(%s::bigint[], %s::bigint[]))"
_EACH = "parent AS MATERIALIZED ({chosen})"
# All children of a row in its own run; `plain` if none of them execed and all have ended. What was
# forged must not be too large for the server.
_BROOD = f"""
brood AS (
    SELECT c.run_id, c.parent_id, sum(c.duration_ns) AS total_ns, min(c.boot_ns) AS begin_ns,
        max(least(c.boot_ns, {_FOR_EVER}) + least(c.duration_ns, {_FOR_EVER})) AS end_ns,
        bool_and(coalesce(c.status >= 0 AND c.duration_ns > 0, false)) AS plain
    FROM {{images}} c WHERE c.parent_id IS NOT NULL AND c.errno IS NULL
    GROUP BY c.run_id, c.parent_id)"""
_PLAIN = f"""
coalesce(brood.plain AND p.status >= 0 AND brood.begin_ns >= p.boot_ns AND brood.end_ns
    <= least(p.boot_ns, {_FOR_EVER}) + least(p.duration_ns, {_FOR_EVER}), false)"""
_TOOK = "least(brood.total_ns, brood.end_ns::numeric - brood.begin_ns) AS ns"
_PARENT = "parent AS MATERIALIZED (SELECT * FROM family WHERE NOT plain)"
_FAMILY = f"""{_BROOD},
family AS MATERIALIZED (
    SELECT p.*, {_TOOK}, {_PLAIN} AS plain
    FROM ({{chosen}}) AS p JOIN brood ON brood.run_id = p.run_id AND brood.parent_id = p.id),
{_PARENT}"""
# `others` are rows that have children in a later run.
_FAMILY_AND_OTHERS = f"""{_BROOD},
others AS MATERIALIZED (
    SELECT DISTINCT kin.above AS run_id, brood.parent_id AS id
    FROM brood JOIN kin ON kin.below = brood.run_id AND kin.above <> kin.below
    WHERE NOT EXISTS (
        SELECT FROM {{images}} own WHERE own.run_id = brood.run_id AND own.id = brood.parent_id)),
family AS MATERIALIZED (
    SELECT p.*, {_TOOK}, {_PLAIN} AND others.id IS NULL AS plain
    FROM ({{chosen}}) AS p LEFT JOIN brood ON brood.run_id = p.run_id AND brood.parent_id = p.id
    LEFT JOIN others ON others.run_id = p.run_id AND others.id = p.id
    WHERE brood.run_id IS NOT NULL OR others.run_id IS NOT NULL),
{_PARENT}"""
# `child` may be of a later run only where that run has no row with the parent's id itself.
_ORPHAN = """
    AND (kin.above = kin.below OR NOT EXISTS (
        SELECT FROM {images} own WHERE own.run_id = c.run_id AND own.id = c.parent_id))"""
_LOOKED_AT = f"""
child AS MATERIALIZED (
    SELECT parent.run_id AS p_run, parent.id AS p_id, c.run_id, c.id, c.pid, c.status,
        c.duration_ns, greatest(0, c.boot_ns - parent.boot_ns) AS from_ns
    FROM parent JOIN kin ON kin.above = parent.run_id
    JOIN {{images}} c ON c.run_id = kin.below AND c.parent_id = parent.id
    WHERE c.errno IS NULL AND c.pid <> parent.pid{{orphan}}),
chain (c_run, c_id, run_id, id, pid, status, duration_ns) AS (
    SELECT run_id, id, run_id, id, pid, status, duration_ns FROM child WHERE status = -1
    UNION
    SELECT c_run, c_id, n.run_id, n.id, n.pid, n.status, coalesce(n.duration_ns, {_FOR_EVER})
    FROM chain JOIN kin ON kin.above = chain.run_id
    JOIN {{images}} n ON n.run_id = kin.below AND n.parent_id = chain.id
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
SELECT {{keys}}sum(ns) FROM (
    SELECT {{keys}}took.ns FROM took JOIN parent ON parent.run_id = p_run AND parent.id = p_id"""
_SUMMED_UP = "\n    UNION ALL SELECT {keys}ns FROM family WHERE plain"
