"""Which times a central store covers, from the ledgers that were shipped."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from execdb.store.account import Loss
from execdb.store.central.asking.conditions import Condition
from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.session import Session
from execdb.store.central.asking.sources import Scope, union
from execdb.store.central.tables.layout import TIME_NS
from execdb.store.central.text import from_central
from execdb.store.ledger import coverage as ledger
from execdb.store.ledger.coverage import Coverage, Interval, Why
from execdb.store.ledger.filters import LeftOut
from execdb.store.reading.replays import REPLAYS_MAX, Replay
from execdb.store.replay_root import ROOT_PROGRAM, is_replayed


def coverage(
    session: Session, runs: Sequence[Run], hosts: Iterable[str], now_ns: int
) -> list[Coverage]:
    """One for each of these hosts."""
    of_host: defaultdict[str, list[Run]] = defaultdict(list)
    for run in runs:
        of_host[run.host].append(run)
    told = {host: of_host[host] for host in hosts}
    ids = [run.run_id for some in told.values() for run in some]
    sets: defaultdict[int, list[Interval]] = defaultdict(list)
    for run_id, before_ns, after_ns in session.rows(_CLOCK_SETS, [ids]):
        sets[run_id].append((before_ns, after_ns))
    losses: defaultdict[str, list[Loss]] = defaultdict(list)
    host_of = {run.run_id: run.host for some in told.values() for run in some}
    for run_id, number, cause, *rest in session.rows(_LOSSES, [ids]):
        losses[host_of[run_id]].append(Loss(number, from_central(cause), *rest))
    dropped = {row[0]: (int(row[1]), row[2]) for row in session.rows(_DROPPED, [ids])}
    found = []
    for host, some in told.items():
        known = [
            _run(run, sets[run.run_id], *dropped.get(run.run_id, (0, None)))
            for run in some
            if run.started_ns is not None
        ]
        found.append(Coverage(known, losses[host], (), now_ns, host=host))
    return found


def _run(
    run: Run, clock_sets: Sequence[Interval], dropped: int, left_from_ns: int | None
) -> ledger.Run:
    """What was not shipped yet counts as blind, as what was not recorded does. `dropped` events
    were removed from the store, all from before `left_from_ns`; where those are that a host pruned
    before they were shipped is not known."""
    started_ns = run.started_ns or 0
    ended_ns = run.ended_ns if run.ended_ns is not None else run.alive_ns or started_ns
    after = Why.STOPPED if run.ended == "clean" else Why.CRASH
    if run.ended is None:
        after = Why.NOT_SHIPPED
    if run.shipped + run.unshipped < run.stored:  # rows are still to come
        after, ended_ns = Why.NOT_SHIPPED, min(ended_ns, run.shipped_to_ns or started_ns)
    begins = [started_ns, *(after_ns for _, after_ns in clock_sets)]
    ends = [*(before_ns for before_ns, _ in clock_sets), ended_ns]
    recorded = [(begin, max(begin, end)) for begin, end in zip(begins, ends, strict=True)]
    oldest_ns = None if run.unshipped else left_from_ns
    return ledger.Run(run.run_id, recorded, after, run.unshipped + dropped, oldest_ns)


def counts(
    session: Session, runs: Sequence[int], intervals: Sequence[tuple[int, int]]
) -> list[int]:
    """How many events of these runs there are in each interval."""
    if not intervals:
        return []
    edges = [edge for pair in intervals for edge in pair]
    scope = Scope(runs, edges[0], edges[-1])
    found = dict.fromkeys(range(2 * len(intervals) + 1), 0)
    query = union(f"{TIME_NS} AS time_ns", scope, [])
    sql = f"SELECT width_bucket(time_ns, %s::bigint[]), count(*) FROM ({query.sql}) e GROUP BY 1"
    for place, events in session.rows(sql, [edges, *query.values]):
        found[place] = events
    return [found[2 * at + 1] for at in range(len(intervals))]


def filters(
    session: Session, runs: Sequence[int], since_ns: int | None, until_ns: int | None
) -> list[LeftOut]:
    """What rules and limits left out in a time."""
    rows = session.rows(_FILTERED, [[*runs], since_ns, since_ns, until_ns, until_ns])
    return [LeftOut(row[0], row[1], from_central(row[2]), *row[3:]) for row in rows]


def replays(session: Session, runs: Sequence[int]) -> list[Replay]:
    """The live replays that these runs recorded, oldest first."""
    is_root = Condition(f"e.filename = '{ROOT_PROGRAM}' AND e.errno IS NULL")
    query = union(_OF_REPLAY, Scope(runs), [is_root])
    sql = f"{query.sql} ORDER BY time_ns DESC LIMIT {REPLAYS_MAX}"
    return [
        Replay(id_, run_id, from_ns, None if took_ns is None else from_ns + took_ns)
        for id_, run_id, from_ns, took_ns, cgroup in reversed(session.rows(sql, query.values))
        if is_replayed(cgroup)
    ]


_OF_REPLAY = (
    f"e.id, e.run_id, {TIME_NS} AS time_ns, coalesce(e.duration_ns, d.duration_ns), e.cgroup"
)
_CLOCK_SETS = (
    "SELECT run_id, before_ns, after_ns FROM execdb.clock_set WHERE run_id = ANY(%s::bigint[])"
    " ORDER BY run_id, id"
)
_DROPPED = (
    "SELECT run_id, sum(events), (max(day) + 1 - '1970-01-01'::date) * 86400000000000"
    " FROM execdb.dropped WHERE run_id = ANY(%s::bigint[]) GROUP BY run_id"
)
_LOSSES = (
    "SELECT run_id, number, cause, from_ns, to_ns, lost FROM execdb.loss"
    " WHERE run_id = ANY(%s::bigint[])"
    " ORDER BY from_ns, number"
)
_FILTERED = (
    "SELECT run_id, number, cause, rule, uid, from_ns, to_ns, filtered FROM execdb.filter"
    " WHERE run_id = ANY(%s::bigint[]) AND (%s::bigint IS NULL OR to_ns >= %s)"
    " AND (%s::bigint IS NULL OR from_ns < %s) ORDER BY run_id, number"
)
