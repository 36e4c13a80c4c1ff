"""What the ledgers that come to a central store say: losses, collectors that end and begin."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from execdb.store.central.asking.roster import Run
from execdb.store.central.asking.session import Session
from execdb.store.central.text import from_central
from execdb.store.ledger.coverage import Kind, Period, Why

_SLACK_NS = 60 * 10**9
_KNOWN_MAX = 1_000  # intervals of losses of a run that are remembered: the latest


class HostEnded(NamedTuple):
    """The collector of a host has ended as it should."""

    host: str
    time_ns: int


class News:
    """Of the runs that are given. Raises CentralError."""

    def __init__(self, session: Session, runs: Iterable[Run]) -> None:
        self._of_host: defaultdict[str, dict[int, Run]] = defaultdict(dict)
        self._lost: dict[int, dict[int, tuple[int, int]]] = {}  # by run and number: lost, until
        for run in runs:
            self._of_host[run.host][run.run_id] = run
        live = [run for of in self._of_host.values() for run in of.values() if run.ended is None]
        for _ in self._losses(session, [run for run in live if run.lost]):
            pass

    def of(
        self, session: Session, learned: Sequence[tuple[Run | None, Run]]
    ) -> list[Period | HostEnded]:
        """What is new in these runs: as they were known, and as they are."""
        found: list[Period | HostEnded] = []
        for before, run in learned:
            others = self._of_host[run.host]
            if run.started_ns is not None and (before is None or before.started_ns is None):
                found += _blind_before(run, others.values())
            others[run.run_id] = run
            if run.unshipped > (before.unshipped if before else 0):
                found.append(_unshipped(before, run))
            if run.ended == "clean" and before is not None and before.ended is None:
                found.append(HostEnded(run.host, run.ended_ns or 0))
        more_lost = [run for before, run in learned if run.lost > (before.lost if before else 0)]
        return [*self._losses(session, more_lost), *found]

    def _losses(self, session: Session, runs: Sequence[Run]) -> Iterator[Period]:
        if not runs:
            return
        hosts = {run.run_id: run.host for run in runs}
        since = [self._since(run) for run in runs]
        for run_id, number, cause, from_ns, to_ns, lost in session.rows(_LOSSES, ([*hosts], since)):
            known = self._lost.setdefault(run_id, {})
            before, until_ns = known.pop(number, (0, from_ns))
            known[number] = lost, to_ns
            if len(known) > _KNOWN_MAX:
                del known[next(iter(known))]
            if lost > before:
                more = ((from_central(cause), lost - before),)
                yield Period(
                    Kind.LOSSY, until_ns, to_ns, run_id=run_id, lost=more, host=hosts[run_id]
                )

    def _since(self, run: Run) -> int:
        """No interval that ended before this has grown since the last look."""
        known = self._lost.get(run.run_id)
        if known is None:
            return 0
        return max(to_ns for _, to_ns in known.values()) - _SLACK_NS


def _blind_before(run: Run, others: Iterable[Run]) -> list[Period]:
    """What was not recorded on a host before a run began. While another run of it has no end, it
    may be recording."""
    began_ns = run.started_ns or 0
    earlier = [e for e in others if e.started_ns is not None and e.started_ns < began_ns]
    if not earlier or any(each.ended is None for each in earlier):
        return []
    last = max(earlier, key=_end)
    if _end(last) >= began_ns:
        return []
    why = Why.STOPPED if last.ended == "clean" else Why.CRASH
    return [Period(Kind.BLIND, _end(last), began_ns, why, host=run.host)]


def _end(run: Run) -> int:
    return next((ns for ns in (run.ended_ns, run.alive_ns, run.started_ns) if ns is not None), 0)


def _unshipped(before: Run | None, run: Run) -> Period:
    """What the host removed before it was shipped."""
    begin_ns = (before.shipped_to_ns if before else None) or run.started_ns or 0
    pruned = run.unshipped - (before.unshipped if before else 0)
    end_ns = max(begin_ns, run.shipped_to_ns or begin_ns)
    return Period(Kind.PRUNED, begin_ns, end_ns, run_id=run.run_id, pruned=pruned, host=run.host)


_LOSSES = """
SELECT l.run_id, l.number, l.cause, l.from_ns, l.to_ns, l.lost
FROM unnest(%s::bigint[], %s::bigint[]) AS w (run_id, since_ns)
JOIN execdb.loss l ON l.run_id = w.run_id AND l.to_ns >= w.since_ns ORDER BY l.run_id, l.number
"""
