"""Divides a time into periods: recorded, lossy, pruned, imported, blind. Pure, and takes one pass
over the history."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from itertools import accumulate, pairwise

from execdb.store.account import Loss
from execdb.store.ledger.coverage import Coverage, Kind, Period, Run, Why
from execdb.store.ledger.trimmed import Trim, What

_ALWAYS = -(1 << 100), 1 << 100  # ns; far beyond every time that a file can hold


def periods(coverage: Coverage, since_ns: int | None, until_ns: int | None) -> list[Period]:
    """The time from `since_ns` up to `until_ns`, without gaps or overlaps. None stands for the
    first and the last time that was recorded or imported. The answer is empty where a file holds
    imported events only: these say nothing about the time between them."""
    runs, imported = coverage.runs, coverage.imported
    if not runs and (imported or since_ns is None or until_ns is None):
        return []
    if since_ns is None:
        since_ns = min([coverage.begin_ns, *(from_ns for from_ns, _ in imported)])
    if until_ns is None:
        until_ns = max([coverage.end_ns, *(to_ns for _, to_ns in imported)])
    if since_ns >= until_ns:
        return []
    return list(_joined(_topmost(_layers(coverage), since_ns, until_ns)))


def _layers(coverage: Coverage) -> Iterator[Period]:
    """What is known of each time. Where two overlap, the earlier one of these counts; the last one
    covers all time."""
    later_first = coverage.runs[::-1]  # a clock that was set back makes runs overlap
    trims = [trim for trim in coverage.trims if trim.what == What.ROWS]
    yield from _lossy(coverage.losses)
    yield from _trimmed(trims)
    yield from _pruned(later_first, trims)
    for run in later_first:
        for recorded in run.recorded:
            yield Period(Kind.RECORDED, *recorded, run_id=run.run_id)
    for interval in coverage.imported:
        yield Period(Kind.IMPORTED, *interval)
    for run in coverage.runs:
        for (_, before_ns), (after_ns, _) in pairwise(run.recorded):
            yield Period(Kind.BLIND, before_ns, after_ns, Why.CLOCK)
    for run in sorted(coverage.runs, key=lambda run: (run.end_ns, run.run_id), reverse=True):
        yield Period(Kind.BLIND, run.end_ns, _ALWAYS[1], run.after)
    yield Period(Kind.BLIND, *_ALWAYS, Why.BEFORE)


def _lossy(losses: Iterable[Loss]) -> Iterator[Period]:
    """A moment lasts a nanosecond."""
    parts = (
        (loss.from_ns, max(loss.to_ns, loss.from_ns + 1), loss.cause, loss.lost) for loss in losses
    )
    for begin, end, lost in _merged(parts):
        yield Period(Kind.LOSSY, begin, end, lost=tuple(lost.items()))


def _trimmed(trims: Iterable[Trim]) -> Iterator[Period]:
    """When rows of a user who crowded out the others were removed."""
    parts = ((trim.from_ns, trim.to_ns + 1, trim.what, trim.events) for trim in trims)
    for begin, end, rows in _merged(parts):
        yield Period(Kind.PRUNED, begin, end, pruned=sum(rows.values()), removal_ns=begin)


def _merged(
    parts: Iterable[tuple[int, int, str, int]],
) -> Iterator[tuple[int, int, dict[str, int]]]:
    """Times with a cause and a number. Those that overlap or touch become one, with the sum of the
    numbers of each cause."""
    begin = end = 0
    sums: dict[str, int] = {}
    for from_ns, to_ns, cause, number in sorted(parts, key=lambda part: part[0]):
        if sums and from_ns > end:
            yield begin, end, sums
            sums = {}
        begin, end = (begin, max(end, to_ns)) if sums else (from_ns, to_ns)
        sums[cause] = sums.get(cause, 0) + number
    if sums:
        yield begin, end, sums


def _pruned(runs: Iterable[Run], trims: Iterable[Trim]) -> Iterator[Period]:
    """When the oldest rows of a run were removed. Rows that were removed because a user crowded out
    the others (`trims`) have periods of their own."""
    ordered = sorted((trim.from_ns, trim.events) for trim in trims)
    begins = [from_ns for from_ns, _ in ordered]
    events = [0, *accumulate(events for _, events in ordered)]
    for run in runs:
        first, last = bisect_left(begins, run.begin_ns), bisect_right(begins, run.end_ns)
        oldest = run.pruned - (events[last] - events[first] if first < last else 0)
        to_ns = run.end_ns if run.oldest_ns is None else run.oldest_ns
        if oldest > 0 and to_ns > run.begin_ns:
            yield Period(Kind.PRUNED, run.begin_ns, to_ns, run_id=run.run_id, pruned=oldest)


def _topmost(layers: Iterable[Period], since_ns: int, until_ns: int) -> Iterator[Period]:
    """The first layer at each time. A heap holds the layers that have begun, by their place; one
    that has ended is removed when it would be the first."""
    found = [each for each in layers if each.from_ns < until_ns and each.to_ns > since_ns]
    inner = {ns for each in found for ns in (each.from_ns, each.to_ns) if since_ns < ns < until_ns}
    waiting = deque(sorted(range(len(found)), key=lambda place: found[place].from_ns))
    begun: list[int] = []
    for from_ns, to_ns in pairwise(sorted(inner | {since_ns, until_ns})):
        while waiting and found[waiting[0]].from_ns <= from_ns:
            heappush(begun, waiting.popleft())
        while found[begun[0]].to_ns <= from_ns:
            heappop(begun)
        yield found[begun[0]]._replace(from_ns=from_ns, to_ns=to_ns)


def _joined(parts: Iterable[Period]) -> Iterator[Period]:
    """Neighbours that differ only in their times become one."""
    last: Period | None = None
    for part in parts:
        if last is not None and part.kind is last.kind and part[3:] == last[3:]:
            last = last._replace(to_ns=part.to_ns)
            continue
        if last is not None:
            yield last
        last = part
    if last is not None:
        yield last
