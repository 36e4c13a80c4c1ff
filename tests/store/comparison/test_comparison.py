"""Two histories as trees: what is paired, and what differs."""

from collections.abc import Sequence
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.store.comparison import side as side_module
from execdb.store.comparison.comparison import Comparison, Difference
from execdb.store.comparison.fields import Fields, rough
from execdb.store.comparison.side import NONE, Side
from execdb.store.errors import UsageError
from execdb.store.event import Event
from tests.conftest import an_event

ALL = Fields()


def some(number: int, *argv: str, parent: int | None = None, **changes: object) -> Event:
    name = argv[0] if argv else "true"
    known = {"filename": f"/usr/bin/{name}", "comm": name, "argv": argv or (name,)}
    known |= {"parent_id": parent, "ended": "exit", "exit_code": 0, "duration_ns": 5_000_000}
    return an_event(number - 1, **(known | changes))


def compared(
    a: Sequence[Event], b: Sequence[Event], fields: Fields = ALL, limit: int = 0
) -> tuple[Comparison, list[Difference]]:
    sides = Side("A", a, fields), Side("B", b, fields)

    def reader(events: Sequence[Event]):  # type: ignore[no-untyped-def]
        return lambda ids: [event for event in events if event.id in set(ids)]

    made = Comparison(sides, [reader(a), reader(b)], fields, slower=2.0)
    return made, list(made.differences(limit))


BUILD = [
    some(1, "make"),
    some(2, "gcc", "-c", "a.c", parent=1),
    some(3, "cc1", "a.c", parent=2),
    some(4, "gcc", "-c", "b.c", parent=1),
    some(5, "cc1", "b.c", parent=4),
    some(6, "ld", "a.o", "b.o", parent=1),
]


def test_equal_histories_do_not_differ_whatever_their_numbers() -> None:
    other = [
        each._replace(id=each.id + 40, pid=each.pid + 7, time_ns=each.time_ns + 10**12,
                      parent_id=each.parent_id and each.parent_id + 40)
        for each in BUILD
    ]  # fmt: skip
    made, found = compared(BUILD, other)
    assert found == []
    assert (made.totals.equal, made.totals.differ, made.totals.reordered) == (6, False, 0)


def test_siblings_in_another_order_are_counted_and_equal() -> None:
    moved = [
        some(1, "make"),
        some(2, "gcc", "-c", "b.c", parent=1),
        some(3, "gcc", "-c", "a.c", parent=1),
        some(4, "cc1", "a.c", parent=3),
        some(5, "cc1", "b.c", parent=2),
        some(6, "ld", "a.o", "b.o", parent=1),
    ]
    made, found = compared(BUILD, moved)
    assert found == []
    assert made.totals.reordered == 1


def test_what_failed_now_is_told_with_both_values() -> None:
    b = [*BUILD]
    b[4] = b[4]._replace(exit_code=1)
    made, (found,) = compared(BUILD, b)
    assert found.kind == "different"
    assert found.failed
    assert found.fields == {"exit_code": (0, 1)}
    assert (made.totals.different, made.totals.failed, made.totals.equal) == (1, 1, 5)


def test_what_only_one_side_has_is_told_with_what_is_below_it() -> None:
    made, found = compared(BUILD, [*BUILD[:3], BUILD[5]])
    assert [(each.kind, each.a and each.a.id, each.below) for each in found] == [("only_a", 4, 1)]
    assert (made.totals.only_a, made.totals.only_b) == (2, 0)
    made, found = compared([*BUILD[:3], BUILD[5]], BUILD)
    assert [(each.kind, each.b and each.b.id, each.below) for each in found] == [("only_b", 4, 1)]


def test_the_same_program_below_another_parent_is_another() -> None:
    b = [*BUILD]
    b[5] = b[5]._replace(parent_id=4)
    made, found = compared(BUILD, b)
    assert [(each.kind, (each.a or each.b).id) for each in found] == [  # type: ignore[union-attr]
        ("only_a", 6), ("only_b", 6),
    ]  # fmt: skip
    assert made.totals.differ


def test_slower_is_told_but_is_no_difference() -> None:
    b = [*BUILD]
    b[2] = b[2]._replace(duration_ns=5_000_000 + 10_000_000)
    b[3] = b[3]._replace(duration_ns=5_000_000 + 9_999_999)
    made, (found,) = compared(BUILD, b)
    assert (found.kind, found.a and found.a.id) == ("slower", 3)
    assert (made.totals.slower, made.totals.differ) == (1, False)


def test_an_unknown_end_is_not_a_difference() -> None:
    b = [BUILD[0]._replace(ended=None, exit_code=None, duration_ns=None), *BUILD[1:]]
    made, found = compared(BUILD, b)
    assert found == []
    assert made.totals.unknown_ends == 1


def test_a_key_that_one_side_never_has_is_not_compared() -> None:
    b = [each._replace(cwd="/src") for each in BUILD]
    made, found = compared(BUILD, b)
    assert found == []
    assert made.missing == {"cwd": "A"}


def test_exec_in_place_is_not_the_same_as_a_child() -> None:
    a = [some(1, "sh", pid=7), some(2, "ls", pid=7, parent=1)]
    b = [some(1, "sh", pid=7), some(2, "ls", pid=8, parent=1)]
    _, (found,) = compared(a, b)
    assert found.fields == {"in_place": (True, False)}


def test_alike_forgives_temporary_names_and_numbers() -> None:
    a = [some(1, "as", "-o", "/tmp/ccAbc.o", "job17")]
    b = [some(1, "as", "-o", "/tmp/ccXyz.o", "job18")]
    _, found = compared(a, b)
    assert [each.kind for each in found] == ["different"]
    assert compared(a, b, Fields(alike=True))[1] == []
    assert rough("/tmp/cc1.s:/var/tmp/x,y") == "/tmp/:/var/tmp/,y"


def test_a_history_without_parents_is_linked_by_pids() -> None:
    events = [
        some(1, "make", pid=10, ppid=1, ended=None),
        some(2, "sh", pid=11, ppid=10, ended=None),
        some(3, "cc", pid=11, ppid=10, ended=None),  # took the place of sh
        some(4, "ld", pid=12, ppid=10, ended=None),
        some(5, "other", pid=13, ppid=99, ended=None),
    ]
    assert list(Side("A", events, Fields()).parents) == [NONE, 0, 1, 0, NONE]


def test_only_the_first_of_each_kind_are_told_but_all_are_counted() -> None:
    b = [each._replace(uid=1000) for each in BUILD]
    made, found = compared(BUILD, b, limit=2)
    assert len(found) == 2
    assert made.totals.different == 6


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_module, "EVENTS_MAX", 5)
    with pytest.raises(UsageError, match=r"B has more than 5 .* by terms"):
        Side("B", BUILD, Fields())


ids = st.integers(-3, 9)


@given(
    st.lists(st.tuples(ids, ids | st.none(), st.integers(1, 4), st.sampled_from("xyz"))),
    st.lists(st.tuples(ids, ids | st.none(), st.integers(1, 4), st.sampled_from("xyz"))),
)
def test_any_file_is_compared_to_an_end(a: list[tuple], b: list[tuple]) -> None:  # type: ignore[type-arg]
    """Circles, parents that come later, ids that occur twice: nothing is counted twice."""
    sides = [
        Side(
            name,
            [some(1, argv, id=id_, parent=parent, pid=pid) for id_, parent, pid, argv in rows],
            Fields(),
        )
        for name, rows in (("A", a), ("B", b))
    ]
    made = Comparison((sides[0], sides[1]), [lambda _: [], lambda _: []], Fields())
    list(made.differences())
    totals, pairs = made.totals, made._pairs
    assert len(pairs.a) + totals.only_a == totals.a == len(a)
    assert len(pairs.b) + totals.only_b == totals.b == len(b)
    assert len(set(chain(pairs.a))) == len(pairs.a)
