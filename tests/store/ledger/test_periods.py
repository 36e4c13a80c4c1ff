"""Every moment of the wall clock belongs to one period, and to the right one."""

from itertools import pairwise
from time import process_time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from execdb.store.account import Loss
from execdb.store.ledger.coverage import Coverage, Kind, Period, Run, Why
from execdb.store.ledger.periods import periods
from execdb.store.ledger.trimmed import Trim


def run(run_id: int, *recorded: tuple[int, int], after: Why = Why.STOPPED, **more: int) -> Run:
    return Run(run_id, recorded, after, **more)


def coverage(*runs: Run, losses: tuple[Loss, ...] = (), **more: object) -> Coverage:
    return Coverage(runs, losses, more.get("imported", ()), now_ns=1_000)  # type: ignore[arg-type]


def loss(from_ns: int, to_ns: int, lost: int = 7, cause: str = "ring full") -> Loss:
    return Loss(from_ns, cause, from_ns, to_ns, lost)


def shape(found: list[Period]) -> list[tuple[object, ...]]:
    return [(str(each.why or each.kind), each.from_ns, each.to_ns) for each in found]


TWO = coverage(run(1, (100, 200)), run(2, (300, 400)))


def test_between_runs_nothing_was_recorded() -> None:
    assert shape(periods(TWO, None, None)) == [
        ("recorded", 100, 200),
        ("no collector", 200, 300),
        ("recorded", 300, 400),
    ]


def test_a_window_reaches_beyond_the_runs() -> None:
    assert shape(periods(TWO, 23, 1_009)) == [
        ("before the first run", 23, 100),
        ("recorded", 100, 200),
        ("no collector", 200, 300),
        ("recorded", 300, 400),
        ("no collector", 400, 1_009),
    ]


def test_a_crash_is_why_nothing_was_recorded_after_it() -> None:
    found = periods(coverage(run(1, (100, 200), after=Why.CRASH), run(2, (300, 400))), None, 500)
    assert [each.why for each in found] == [None, Why.CRASH, None, Why.STOPPED]


def test_losses_that_touch_are_one_lossy_period() -> None:
    losses = (loss(110, 130), loss(130, 150, 5), loss(140, 145, 3, "no space"), loss(170, 170, 1))
    found = periods(coverage(run(1, (100, 200)), losses=losses), None, None)
    assert shape(found) == [
        ("recorded", 100, 110),
        ("lossy", 110, 150),
        ("recorded", 150, 170),
        ("lossy", 170, 171),
        ("recorded", 171, 200),
    ]
    assert found[1].lost == (("ring full", 12), ("no space", 3))


def test_what_was_pruned_is_no_loss() -> None:
    found = periods(coverage(run(1, (100, 200), pruned=23, oldest_ns=150)), None, None)
    assert shape(found) == [("pruned", 100, 150), ("recorded", 150, 200)]
    assert (found[0].pruned, found[0].lost) == (23, ())
    gone = periods(coverage(run(1, (100, 200), pruned=23)), None, None)
    assert shape(gone) == [("pruned", 100, 200)]


def test_imported_events_are_no_blind_time() -> None:
    found = periods(coverage(run(1, (300, 400)), imported=[(100, 250)]), None, None)
    assert shape(found) == [
        ("imported", 100, 250),
        ("before the first run", 250, 300),
        ("recorded", 300, 400),
    ]


def test_without_a_run_there_is_nothing_to_say() -> None:
    assert periods(coverage(imported=[(100, 250)]), 0, 1_000) == []


def test_where_no_collector_ever_ran_all_time_is_blind() -> None:
    assert shape(periods(coverage(), 23, 1_009)) == [("before the first run", 23, 1_009)]
    assert periods(coverage(), None, None) == periods(coverage(), 23, 23) == []


def test_a_window_that_is_empty_has_no_periods() -> None:
    assert periods(TWO, 300, 300) == periods(TWO, 400, 300) == []


TIMES = st.integers(0, 100)
INTERVALS = st.tuples(TIMES, TIMES).map(lambda pair: (min(pair), max(pair)))
RUNS = st.lists(
    st.tuples(
        st.lists(INTERVALS, min_size=1, max_size=3),
        st.sampled_from([Why.STOPPED, Why.CRASH, Why.SILENT]),
        st.integers(0, 9),
        st.none() | TIMES,
    ),
    max_size=5,
).map(lambda found: [Run(number, *rest) for number, rest in enumerate(found, 1)])
LOSSES = st.lists(INTERVALS, max_size=5).map(
    lambda found: [loss(*each)._replace(number=number) for number, each in enumerate(found)]
)
TRIMS = st.lists(INTERVALS, max_size=4).map(
    lambda found: [Trim("rows" if n else "arguments", 1_009, 3, *e) for n, e in enumerate(found)]
)


def what_is_at(moment: int, known: Coverage) -> tuple[object, ...]:
    """Kind, run, reason and number of pruned rows, found by looking at everything there is."""

    def has(interval: tuple[int, int]) -> bool:
        return interval[0] <= moment < interval[1]

    trims = [trim for trim in known.trims if trim.what == "rows"]
    groups: list[list[Trim]] = []  # of trims that overlap or touch
    for trim in sorted(trims, key=lambda trim: trim.from_ns):
        if groups and trim.from_ns <= max(each.to_ns for each in groups[-1]) + 1:
            groups[-1].append(trim)
        else:
            groups.append([trim])
    if any(has((each.from_ns, max(each.to_ns, each.from_ns + 1))) for each in known.losses):
        return Kind.LOSSY, None, None, 0
    for group in groups:
        if has((group[0].from_ns, max(each.to_ns for each in group) + 1)):
            return Kind.PRUNED, None, None, sum(each.events for each in group)
    for run in reversed(known.runs):
        begin, end = run.recorded[0][0], run.recorded[-1][1]
        rows = run.pruned - sum(each.events for each in trims if begin <= each.from_ns <= end)
        if rows > 0 and has((begin, end if run.oldest_ns is None else run.oldest_ns)):
            return Kind.PRUNED, None, run.run_id, rows
    for run in reversed(known.runs):
        if any(map(has, run.recorded)):
            return Kind.RECORDED, None, run.run_id, 0
    if any(map(has, known.imported)):
        return Kind.IMPORTED, None, None, 0
    leaps = [(a[1], b[0]) for run in known.runs for a, b in pairwise(run.recorded)]
    if any(map(has, leaps)):
        return Kind.BLIND, Why.CLOCK, None, 0
    ended = [run for run in known.runs if run.recorded[-1][1] <= moment]
    last = max(ended, key=lambda run: (run.recorded[-1][1], run.run_id), default=None)
    return Kind.BLIND, Why.BEFORE if last is None else last.after, None, 0


@given(RUNS, LOSSES, st.lists(INTERVALS, max_size=3), TRIMS, st.none() | TIMES, st.none() | TIMES)
@example([run(1, (0, 5), (3, 9))], [], [], [], 0, 10)
def test_every_moment_has_one_period_and_the_right_one(
    runs: list[Run],
    losses: list[Loss],
    imported: list[tuple[int, int]],
    trims: list[Trim],
    since: int | None,
    until: int | None,
) -> None:
    known = Coverage(runs, losses, imported, 0, trims)
    found = periods(known, since, until)
    if not found:
        intervals = [each for run in runs for each in run.recorded] + imported
        begin = since if since is not None else min((a for a, _ in intervals), default=0)
        end = until if until is not None else max((b for _, b in intervals), default=0)
        without_limit = since is None or until is None
        assert begin >= end or (not runs and (bool(imported) or without_limit))
        return
    for one, other in pairwise(found):
        assert one.to_ns == other.from_ns  # no gaps, no overlaps
        assert one._replace(from_ns=0, to_ns=0) != other._replace(from_ns=0, to_ns=0)
    assert since in (None, found[0].from_ns)
    assert until in (None, found[-1].to_ns)
    for each in found:
        assert each.from_ns < each.to_ns
        for moment in range(each.from_ns, each.to_ns):
            expected = what_is_at(moment, known)
            assert (each.kind, each.why, each.run_id, each.pruned) == expected


def eventful(runs: int) -> Coverage:
    """Every run has ten losses and trimmed rows, and had its clock set; events are imported."""
    numbers = range(runs)
    losses = [loss(n * 100 + k, n * 100 + k + 1) for n in numbers for k in range(0, 40, 4)]
    return Coverage(
        [run(n, (n * 100, n * 100 + 40), (n * 100 + 50, n * 100 + 80), pruned=7) for n in numbers],
        losses,
        [(n, runs * 100 - n) for n in numbers],
        1_000,
        [Trim("rows", 1_009, 3, n * 100 + 60, n * 100 + 61) for n in numbers],
    )


@pytest.mark.thorough
def test_the_work_grows_with_the_history_and_not_with_its_square() -> None:
    taken = {}
    for runs in (1_009, 4_036):
        known = eventful(runs)
        times = []
        for _ in range(3):
            started_s = process_time()
            assert len(periods(known, None, None)) > 20 * runs
            times.append(process_time() - started_s)
        taken[runs] = min(times)
    assert taken[4_036] < 9 * taken[1_009], taken  # 4 times; the square would be 16
