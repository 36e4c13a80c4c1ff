"""Which times imported events cover. Pure."""

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from execdb.store.ledger.coverage import Interval


def imported_times(
    imports: Iterable[tuple[Hashable, Interval]], runs_of: Mapping[Hashable, Sequence[Interval]]
) -> Iterator[Interval]:
    """`imports` are boots with the times of their imported events; `runs_of` has the times of the
    runs of each boot that was recorded here.

    Events of such a boot cover time from the end of the boot before it to the begin of the next
    one: events that claim another time are not believed. Events of other boots cover nothing: what
    happened on another machine does not tell what happened on this one. In a file without any run
    all events count."""
    begins = sorted(begin for runs in runs_of.values() for begin, _ in runs)
    ends = sorted(end for runs in runs_of.values() for _, end in runs)
    limits = {boot: _limits(runs, begins, ends) for boot, runs in runs_of.items() if runs}
    for boot, (from_ns, to_ns) in imports:
        if runs_of and boot not in limits:
            continue
        before_ns, after_ns = limits.get(boot, (None, None))
        from_ns = from_ns if before_ns is None else max(from_ns, before_ns)
        to_ns = to_ns if after_ns is None else min(to_ns, after_ns)
        if from_ns <= to_ns:
            yield from_ns, to_ns


def _limits(
    runs: Sequence[Interval], begins: Sequence[int], ends: Sequence[int]
) -> tuple[int | None, int | None]:
    """The last end of a run before these, and the first begin of one after these."""
    before = bisect_left(ends, min(begin for begin, _ in runs))
    after = bisect_right(begins, max(end for _, end in runs))
    return (ends[before - 1] if before else None, begins[after] if after < len(begins) else None)
