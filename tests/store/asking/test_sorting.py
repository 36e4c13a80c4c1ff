"""Events in the order of one of their keys."""

import pytest

from execdb.store.asking.sorting import sort_events
from execdb.store.fields import FIELDS, Field
from tests.conftest import an_event

EVENTS = [
    an_event(0, duration_ns=7, comm="b", argv=("\udcff", "x"), tty=None),
    an_event(1, duration_ns=None, comm="a", argv=(), tty="pts/1"),
    an_event(2, duration_ns=5, comm="\udcfe", argv=("a",), tty="pts/1"),
    an_event(3, duration_ns=7, comm="b", argv=("b",), tty=None),
]


@pytest.mark.parametrize(
    ("key", "order"),
    [("duration_ns", [1, 2, 0, 3]), ("comm", [1, 0, 3, 2]), ("tty", [0, 3, 1, 2])],
)
def test_the_greatest_is_last(key: str, order: list[int]) -> None:
    expected = [EVENTS[number] for number in order]
    assert list(sort_events(EVENTS, key)) == expected
    assert list(sort_events(EVENTS, key, reverse=True)) == expected[::-1]
    assert list(sort_events(EVENTS, key, limit=3)) == expected[-3:]
    assert list(sort_events(EVENTS, key, limit=3, reverse=True)) == expected[:0:-1]


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_events_are_sorted_by_any_key_and_stay_as_they_are(field: Field) -> None:
    assert set(sort_events(EVENTS, field.name)) == set(EVENTS)
