"""Stacks for flame graphs: whose time is whose."""

from collections.abc import Iterable
from typing import Any

from execdb.cli.output.escape import escape
from execdb.store.event import Event
from execdb.store.export.folded import folded
from tests.conftest import an_event

MS = 1_000_000


def image(number: int, comm: str, parent: int | None, lasts_ms: int | None, **more: Any) -> Event:
    """It begins `number` milliseconds after the first one, and has the id `number` + 1."""
    duration_ns = None if lasts_ms is None else lasts_ms * MS
    return an_event(number, comm=comm, parent_id=parent, duration_ns=duration_ns, **more)


def lines(*events: Event, above: Iterable[Event] = ()) -> dict[str, int]:
    found = (line.split() for line in folded(events, lambda events: above, escape))
    return {stack: int(own_us) for stack, own_us in found}


def test_the_time_of_children_is_theirs() -> None:
    make, gcc, cc1 = (
        image(0, "make", None, 101),
        image(1, "gcc", 1, 53),
        image(2, "cc1", 2, 29),
    )
    assert lines(make, gcc, cc1) == {
        "make": 48_000,
        "make;gcc": 24_000,
        "make;gcc;cc1": 29_000,
    }


def test_children_at_the_same_time_count_once_for_their_parent() -> None:
    events = image(0, "make", None, 31), image(1, "cc", 1, 10), image(5, "cc", 1, 10)
    assert lines(*events) == {"make": 17_000, "make;cc": 20_000}


def test_a_child_that_outlives_its_parent_takes_no_more_than_there_is() -> None:
    assert lines(image(0, "sh", None, 3), image(1, "daemon", 1, 97)) == {
        "sh": 1_000,
        "sh;daemon": 97_000,
    }


def test_what_runs_or_never_ran_has_no_time() -> None:
    events = image(0, "sh", None, None), image(1, "cc", 1, 7), image(2, "x", 1, 7, errno="ENOENT")
    assert lines(*events) == {"sh;cc": 7_000}


def test_ancestors_that_are_not_among_the_events_name_the_stack() -> None:
    above = [image(0, "systemd", None, None, id=-7), image(0, "sh", -7, None)]
    assert lines(image(5, "cc", 1, 7), above=above) == {"systemd;sh;cc": 7_000}


def test_what_ended_is_forgotten_and_looked_up_again() -> None:
    """Memory does not grow with the history."""
    parent = image(0, "make", None, 5)
    others = [image(number, "cc", None, 1) for number in range(10, 30_011)]
    asked: list[int | None] = []

    def ancestors(events: Iterable[Event]) -> list[Event]:
        asked.extend(event.parent_id for event in events)
        return [parent]

    late = image(40_000, "late", 1, 3)
    found = dict(line.split() for line in folded([parent, *others, late], ancestors, escape))
    assert found == {"make": "5000", "cc": "30001000", "make;late": "3000"}
    assert asked == [1]


def test_names_cannot_be_taken_for_more_than_one_frame() -> None:
    [line] = folded([image(0, "a;b 5\x1b", None, 7)], lambda events: (), escape)
    assert line == "a\\x3bb\\x205\\x1b 7000\n"


def test_a_deep_chain_gives_a_short_stack() -> None:
    chain = [image(n, "sh", n or None, 2) for n in range(1_009)]
    assert max(map(len, folded(chain, lambda events: (), escape))) < 1_000
    assert sum(lines(*chain).values()) == 1_008_000 + 2_000


def test_a_circle_ends() -> None:
    assert lines(image(0, "a", 2, 3), image(1, "b", 1, 3), image(2, "c", 3, 3))
