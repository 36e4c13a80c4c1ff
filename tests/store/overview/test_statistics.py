"""Statistics are what plain Python computes from all events."""

import math
from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.store.errors import UsageError
from execdb.store.event import REPLACED, End, Event, Exec
from execdb.store.file.database import Database, open_database
from execdb.store.overview import statistics as under_test
from execdb.store.overview.percentiles import ERROR, bucket_of, percentile
from execdb.store.overview.statistics import statistics
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.terms.term import Term
from tests.conftest import an_exec, counts, recorded, some_creds
from tests.store.terms.test_parse import READER

MS = 1_000_000
BY = (
    ("comm",),
    ("host",),
    ("uid", "comm"),
    ("argv",),
    ("errno",),
    ("command", "truncated"),
    ("host", "cwd"),
)
TERMS = ((), ("comm=sh",), ("uid=1",), ("argv=*1",), ("pid=1000..1003",), ("exit_code=1..",))


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Exec], list[End]]:
    """Forks, execs that replace, attempts that fail, and ends of some of them."""
    execs: list[Exec] = []
    alive: dict[int, Exec] = {}  # what runs under a pid
    ends: list[End] = []
    for n in range(draw(st.integers(0, 30))):
        comm = draw(st.sampled_from(("sh", "gcc", "bad\udcff")))
        parent = draw(st.sampled_from([None, *alive.values()]))
        how = draw(st.sampled_from(("fork", "fork", "replace", "fail")))
        pid = parent.pid if parent and how != "fork" else 1_000 + n
        each = an_exec(
            n,
            pid=pid,
            creds=some_creds(draw(st.integers(0, 2))),
            comm=comm,
            argv=(comm, str(n % 3)),
            parent=(parent.boot_ns, parent.pid) if parent else None,
            replaces=bool(parent and how == "replace"),
            errno="ENOENT" if how == "fail" else None,
        )
        execs.append(each)
        if how == "fail":
            continue
        if parent and how == "replace":
            ends.append(End(each.boot_ns, (parent.boot_ns, parent.pid), REPLACED))
        alive[pid] = each
        if draw(st.booleans()):
            alive.pop(pid)
            after_ns = draw(st.integers(1, 40)) * MS // 2
            status = draw(st.sampled_from((0, 256, 9)))
            ends.append(End(each.boot_ns + after_ns, (each.boot_ns, pid), status))
    return execs, ends


def children_ns(event: Event, events: Sequence[Event]) -> int:
    """What `self_time` describes."""
    if not event.duration_ns:
        return 0
    begun: list[tuple[int, int]] = []
    for child in events:
        if child.parent_id != event.id or child.errno or child.pid == event.pid:
            continue
        from_ns, to_ns = child.boot_ns - event.boot_ns, event.duration_ns
        last: Event | None = child
        lasts_ns: int | None = 0
        while last is not None and lasts_ns is not None:
            lasts_ns = None if last.duration_ns is None else lasts_ns + last.duration_ns
            before = last
            last = next(
                (e for e in events if e.parent_id == before.id and e.pid == before.pid
                 and not e.errno and before.ended == "exec"), None,
            )  # fmt: skip
        if lasts_ns is not None:
            to_ns = min(to_ns, from_ns + lasts_ns)
        if from_ns < event.duration_ns:
            begun.append((from_ns, to_ns))
    if not begun:
        return 0
    hull = max(to for _, to in begun) - min(from_ for from_, _ in begun)
    return min(hull, sum(to - from_ for from_, to in begun))


def failed(event: Event) -> bool:
    return bool(event.errno or event.exit_code or event.signal)


def value(event: Event, field: str) -> object:
    return " ".join(event.argv) if field == "command" else getattr(event, field)


def check(history: History, by: Sequence[str], terms: tuple[Term, ...]) -> None:
    events = list(history.events(Filter()))
    groups: dict[tuple[object, ...], list[Event]] = defaultdict(list)
    for event in history.events(Filter(terms)):
        groups[tuple(value(event, field) for field in by)].append(event)
    found = statistics(history, Filter(terms), by)
    if "command" not in by:  # quoted for a shell
        assert found.keys() == groups.keys()
        for key, group in groups.items():
            compare(found[key], group, events)
    assert sum(one.runs for one in found.values()) == history.count(Filter(terms))


def near(got: int | None, exact: int | None) -> bool:
    """Within the error, and a nanosecond of rounding."""
    if got is None or exact is None:
        return got is exact
    return abs(got - exact) <= exact * ERROR + 1


def compare(one: under_test.Statistics, group: list[Event], events: list[Event]) -> None:
    lengths = sorted(event.duration_ns for event in group if event.duration_ns is not None)
    assert one.runs == len(group)
    assert one.failed == sum(map(failed, group))
    assert one.total_ns == sum(lengths)
    assert one.children_ns == sum(children_ns(event, events) for event in group)
    assert one.max_ns == max(lengths, default=None)
    assert one.first_ns == min(event.time_ns for event in group)
    assert one.last_ns == max(event.time_ns for event in group)
    for share in (0.5, 0.95):
        exact = lengths[math.ceil(share * len(lengths)) - 1] if lengths else None
        [got] = one.percentiles(share)
        assert near(got, exact)


@settings(max_examples=20)
@given(histories(), st.sampled_from(BY), st.sampled_from(TERMS))
def test_sql_agrees_with_plain_python(
    history: tuple[list[Exec], list[End]], by: tuple[str, ...], terms: tuple[str, ...]
) -> None:
    execs, ends = history
    with (
        TemporaryDirectory() as folder,
        open_database(Path(folder) / "execdb.db", create=True) as database,
    ):
        recorded(database, execs).write([], ends, counts(len(execs)))
        check(History(database), by, READER.terms(terms))


def test_reading_in_small_portions_gives_the_same(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    execs = [an_exec(n, comm="ab"[n % 2], argv=(str(n % 5),)) for n in range(53)]
    ends = [End(e.boot_ns + e.pid, (e.boot_ns, e.pid), 0) for e in execs]
    recorded(database, execs).write([], ends, counts(53))
    monkeypatch.setattr(under_test, "_ROWS", 7)
    for terms in TERMS:
        check(History(database), ("comm",), READER.terms(terms))


def family(database: Database, *ends_ms: int | None) -> under_test.Statistics:
    """A shell from 0 to 20 ms with children that start at 1, 2, ... ms and end as given."""
    shell = an_exec(0, comm="sh")
    children = [
        an_exec(n, comm="child", parent=(shell.boot_ns, shell.pid))
        for n in range(1, len(ends_ms) + 1)
    ]
    ends = [End(shell.boot_ns + 20 * MS, (shell.boot_ns, shell.pid), 0)]
    for child, end_ms in zip(children, ends_ms, strict=True):
        if end_ms is not None:
            ends.append(End(shell.boot_ns + end_ms * MS, (child.boot_ns, child.pid), 0))
    recorded(database, [shell, *children]).write([], ends, counts(len(children) + 1))
    return statistics(History(database), Filter(), ["comm"])[("sh",)]


def test_a_child_that_outlives_its_parent_counts_until_the_parents_end(database: Database) -> None:
    assert family(database, 90).self_ns == 1 * MS


def test_a_child_without_an_end_lasts_as_long_as_its_parent(database: Database) -> None:
    assert family(database, None).self_ns == 1 * MS


def test_children_side_by_side_are_not_counted_twice(database: Database) -> None:
    assert family(database, 11, 11, 11).self_ns == 10 * MS


def test_a_chain_of_execs_is_one_child(database: Database) -> None:
    """sh starts env, which execs python: both are time in which sh waits."""
    shell = an_exec(0, comm="sh")
    env = an_exec(3, pid=7, comm="env", parent=(shell.boot_ns, shell.pid))
    python = an_exec(5, pid=7, comm="python", parent=(env.boot_ns, 7), replaces=True)
    ends = [
        End(python.boot_ns, (env.boot_ns, 7), REPLACED),
        End(python.boot_ns + 6 * MS, (python.boot_ns, 7), 0),
        End(shell.boot_ns + 20 * MS, (shell.boot_ns, shell.pid), 0),
    ]
    recorded(database, [shell, env, python]).write([], ends, counts(3))
    found = statistics(History(database), Filter(), ["comm"])
    selves = {comm: one.self_ns for (comm,), one in found.items()}
    assert selves == {"sh": 12 * MS, "env": 2 * MS, "python": 6 * MS}


@given(st.lists(st.integers(0, 10**15), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_within_the_error(lengths: list[int], share: float) -> None:
    buckets: dict[int, int] = defaultdict(int)
    for length in lengths:
        buckets[bucket_of(length)] += 1
    exact = sorted(lengths)[math.ceil(share * len(lengths)) - 1]
    got = percentile(buckets, share, max(lengths))
    assert near(got, exact)


def test_buckets_are_in_the_order_of_durations() -> None:
    assert all(
        bucket_of(a) <= bucket_of(b)
        for a, b in pairwise(2**n + k for n in range(62) for k in (0, 1))
    )


def test_what_cannot_be_grouped_by_is_refused(database: Database) -> None:
    for by in (["id"], ["nothing"], ["comm", "comm"], [""]):
        with pytest.raises(UsageError):
            statistics(History(database), Filter(), by)


def test_groups_without_bound_are_refused(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    monkeypatch.setattr(under_test, "GROUPS_MAX", 22)
    with pytest.raises(UsageError, match="more than 22 groups"):
        statistics(History(database), Filter(), ["pid"])
