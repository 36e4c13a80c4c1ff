"""Plans: which process each exec was, who forked it, when it ends; whatever a file claims."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.livereplay.planning.by_id import ById
from execdb.livereplay.planning.plan import INIT, LEAD_NS, NONE, ORPHAN, SIGNAL, Kind, Plan
from execdb.livereplay.planning.planner import Planner
from execdb.livereplay.planning.times import HEAD_NS, at_pace, at_rate, set_times
from execdb.store.event import Event
from tests.conftest import START_NS
from tests.livereplay.histories import Call, planned, prepared, some


def forker(plan: Plan, row: int) -> int:
    """Who forks the process of a row."""
    return plan.came_from[plan.process_of(plan.of_row[row])]


def test_a_child_is_forked_by_its_parent_a_little_before_its_exec() -> None:
    plan = planned([some(1, "sh", duration_ns=9_000_000), some(3, "ls", parent=1, ppid=1001)])
    assert forker(plan, 0) == INIT
    assert forker(plan, 1) == plan.of_row[0]
    child = plan.of_row[1]
    assert plan.begin_ns[child] == HEAD_NS + 2_000_000
    assert plan.begin_ns[plan.came_from[child]] == HEAD_NS + 2_000_000 - LEAD_NS
    assert plan.end_ns[child] == HEAD_NS + 2_500_000


def test_exec_in_place_is_no_fork() -> None:
    plan = planned([some(1, "sh", ended="exec"), some(2, "ls", parent=1, pid=1001)])
    sh, ls = plan.of_row
    assert plan.then[sh] == ls
    assert plan.process_of(ls) == plan.process_of(sh)
    assert plan.at_most == 1


def test_the_same_pid_later_is_another_process_if_the_first_one_has_ended() -> None:
    plan = planned([some(1, "sh"), some(2, "ls", parent=1, pid=1001, ppid=1001)])
    assert plan.then[plan.of_row[0]] == NONE


def test_a_subshell_is_a_fork_that_never_execs() -> None:
    rows = [
        some(1, "sh", duration_ns=9_000_000),
        some(2, "ls", parent=1, ppid=777),
        some(3, "wc", parent=1, ppid=777),
    ]
    plan = planned(rows)
    between = forker(plan, 1)
    assert between == forker(plan, 2)
    assert (plan.kind[between], plan.then[between]) == (Kind.FORK, NONE)


def test_an_orphan_has_lost_its_parent_before_its_exec() -> None:
    rows = [some(1, "sh", duration_ns=9_000_000), some(2, "daemon", parent=1, ppid=1)]
    plan = planned(rows)
    assert plan.flags[plan.process_of(plan.of_row[1])] & ORPHAN
    rows[0] = some(1, "sh", duration_ns=400_000)  # it ends by itself
    plan = planned(rows)
    assert not plan.flags[plan.process_of(plan.of_row[1])] & ORPHAN


def test_programs_from_before_are_started_first() -> None:
    seen = [
        some(-2, "sshd", pid=40, ppid=1, ended=None, duration_ns=None),
        some(-1, "bash", pid=41, ppid=40, parent=-2, ended=None, duration_ns=None),
    ]
    plan = planned([some(1, "ls", parent=-1, ppid=41)], seen)
    bash = forker(plan, 0)
    assert (plan.kind[bash], plan.seen[bash].id) == (Kind.SEEN, -1)
    assert plan.seen[plan.came_from[plan.process_of(bash)]].id == -2
    assert plan.begin_ns[bash] == 0
    assert plan.end_ns[bash] >= plan.end_ns[plan.of_row[0]]


def test_a_history_without_parents_is_planned_by_pids() -> None:
    rows = [
        some(1, "make", duration_ns=9_000_000),
        some(2, "sh", ppid=1001, duration_ns=5_000_000),
        some(3, "cc", ppid=1002),
    ]
    plan = planned(rows)
    assert forker(plan, 2) == plan.of_row[1]


@pytest.mark.parametrize("runs", [1, 2, 64])
def test_rows_are_found_by_id_in_whatever_order_they_come(runs: int) -> None:
    count = 200
    segments = [range(n * count + 1, (n + 1) * count + 1) for n in range(runs)]
    mixed = [number for together in zip(*reversed(segments), strict=True) for number in together]
    known, less = ById(), ById()
    less_ids = mixed[: len(mixed) // 2] + list(range(10**6, 10**6 - 100, -1))
    for node, number in enumerate(mixed):
        known[number] = node
    for node, number in enumerate(less_ids):
        less[number] = node
    assert [known.get(number) for number in mixed] == list(range(len(mixed)))
    assert [less.get(number) for number in less_ids] == list(range(len(less_ids)))
    assert known.get(0) is None is known.get(runs * count + 1)


def test_pids_begin_anew_with_each_boot() -> None:
    rows = [
        some(1, "make", ended=None, duration_ns=None),
        some(2, "sh", ppid=1001, boot_id="other", boot_ns=5, time_ns=START_NS + 2_000_000),
    ]
    plan = planned(rows)
    assert forker(plan, 1) != plan.of_row[0]
    assert plan.begin_ns[plan.of_row[1]] == HEAD_NS + 1_000_000


def test_how_it_ended_is_kept() -> None:
    plan = planned([some(1, exit_code=3), some(2, ended="signal", signal=15, exit_code=None)])
    assert [plan.status[node] for node in plan.of_row] == [3, SIGNAL + 15]


def test_idle_time_is_cut_and_the_rest_keeps_its_pace() -> None:
    rows = [some(0), some(1), some(5_001), some(5_002)]
    made = Planner(lambda _: None).take(rows)
    set_times(made, at_pace(made, 2.0, 0.01))
    begins = [made.begin_ns[node] - HEAD_NS for node in made.of_row]
    assert begins == [0, 500_000, 500_000 + 250_000 + 5_000_000, 6_250_000]


def test_at_a_rate_every_start_and_end_has_its_turn() -> None:
    made = Planner(lambda _: None).take([some(n) for n in range(23)])
    set_times(made, at_rate(made, 1000))
    begins = [made.begin_ns[node] for node in made.of_row]
    assert {b - a for a, b in pairwise(begins)} == {2_000_000}


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.integers(-3, 12),
            "parent_id": st.none() | st.integers(-4, 13),
            "pid": st.integers(0, 5) | st.just(2**32 - 1),
            "ppid": st.integers(0, 5),
            "boot_ns": st.integers(0, 50) | st.just(2**63 - 1),
            "time_ns": st.integers(0, 50) | st.just(2**63 - 1),
            "boot_id": st.sampled_from(["a", "b"]),
            "errno": st.sampled_from([None, None, "ENOENT", "EACCES", "EPERM", "E\0"]),
            "ended": st.sampled_from([None, "exit", "signal", "exec"]),
            "exit_code": st.none() | st.integers(0, 255),
            "signal": st.none() | st.integers(0, 127),
            "duration_ns": st.none() | st.integers(0, 99) | st.just(2**63 - 1),
            "filename": st.text(max_size=9)
            | st.sampled_from(
                ["/", "/a/b", "/a", "..", "/dev/fd/3", "/.execdb-replay/execdb-replay"]
            ),
            "argv": st.lists(st.text(max_size=5), max_size=3).map(tuple),
            "argc": st.integers(0, 5) | st.just(10**9),
            "truncated": st.booleans(),
            "cwd": st.none() | st.text(max_size=9) | st.just("/" + "d/" * 5_000),
            "comm": st.text(max_size=20),
            "uid": st.integers(0, 2**32 - 1),
        }
    ),
    max_size=12,
)


@pytest.mark.thorough
@settings(max_examples=300)
@given(ROWS)
def test_any_file_makes_a_tape_that_ends(rows: list[dict[str, Any]]) -> None:
    """Circles, times that go back, huge counts, signals that there are not, paths of all kinds.
    Whatever is written only goes on forwards or into a part that a fork alone reaches."""
    events: list[Event] = [some(1, **row) for row in rows]
    made, calls, _ = prepared(events)
    check(made.plan, calls)


def check(plan: Plan, calls: list[Call]) -> None:
    for node in range(1, len(plan)):
        assert 0 <= plan.came_from[node] < node
        assert all(step > node for step in plan.steps(node))
    led = [call.to for call in calls if call.to is not None]
    assert len(set(led)) == len(led)  # no part is entered twice: nothing can go round
    forks = [call for call in calls if call.name == "clone"]
    assert len(forks) <= 2 * len(plan)
    assert all(call.to is not None for call in forks)
    assert calls[-1].name == "exit_group" or any(c.name == "exit_group" for c in calls)


@pytest.mark.parametrize("argc", [10**9, 2**32 - 1])
def test_a_forged_number_of_arguments_takes_no_memory(argc: int) -> None:
    made, _, memory = prepared([some(1, argc=argc, truncated=True)])
    assert sum(map(len, memory.parts.values())) < 10_000
    assert made.emitter.inexact["more arguments than a program takes"] == 1
