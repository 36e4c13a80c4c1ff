"""The fast way to JSON says byte for byte what the plain way says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execdb.cli.show.json_lines import objects
from execdb.store import json_objects as module
from execdb.store.event import Event, text_of
from execdb.store.fields import FIELD_OF, Field, to_dict
from execdb.store.json_text import json_of
from execdb.store.kinds import Kind
from tests.conftest import an_event


def events_of(number: st.SearchStrategy[int], text: st.SearchStrategy[str]) -> Any:
    def values(field: Field) -> st.SearchStrategy[Any]:
        of_kind = number
        if field.kind is Kind.BOOL:
            of_kind = st.booleans()
        elif field.kind is Kind.TEXTS:
            of_kind = st.lists(text, max_size=5).map(tuple)
        elif field.kind.is_text:
            of_kind = text
        return st.none() | of_kind if field.nullable else of_kind

    own = [FIELD_OF[name] for name in Event._fields]
    return st.tuples(*map(values, own)).map(Event._make)


TEXT = st.binary(max_size=23).map(text_of) | st.text(st.characters(exclude_categories=["Cs"]))
ANY = events_of(st.integers(0, 2**63 - 1), TEXT)
ALIKE = events_of(st.integers(0, 1), st.sampled_from(["", "a"]))


def plainly(some: list[Event]) -> list[str]:
    return [json_of(to_dict(event)) for event in some]


@given(st.lists(ANY, max_size=5))
def test_it_says_what_the_plain_way_says(some: list[Event]) -> None:
    assert list(objects(some)) == plainly(some)


@given(st.lists(ALIKE, max_size=23))
def test_what_is_remembered_of_one_event_is_not_said_of_another(some: list[Event]) -> None:
    assert list(objects(some)) == plainly(some)


def test_what_is_remembered_stays_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMEMBERED_CHARS", 1_009)
    some = [an_event(n, argv=("x" * (n % 503),), cwd=f"/{n}") for n in range(2_003)]
    (command,) = (run for run in module.RECURRING if run[0].name == "comm")
    start, end = command[0].place, command[-1].place + 1
    members = module.Members(command)
    for event in some:
        assert members[event[start:end]] in plainly([event])[0]
        assert sum(map(len, members.values())) <= 1_009
    assert list(objects(some)) == plainly(some)
