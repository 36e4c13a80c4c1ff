"""Values of types that we never write."""

from typing import NamedTuple

import pytest

from execdb.store.errors import DatabaseError
from execdb.store.event import Event
from execdb.store.typed import Types
from tests.conftest import an_event


class Row(NamedTuple):
    number: int
    text: str | None
    texts: tuple[str, ...]


@pytest.mark.parametrize("row", [(1, "x", ()), (2, None, ("y",)), (3, "x", ())])
def test_takes_what_the_annotations_say(row: tuple[object, ...]) -> None:
    types = Types(Row)
    types.check(row)
    types.check(row)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ((None, "x", ()), "a number is missing"),
        (("1", "x", ()), "a number is text"),
        ((True, "x", ()), "a number is something else"),
        ((1, b"x", ()), "a text is no text"),
        ((1, 2.5, ()), "a text is a fraction"),
        ((1, "x", "y"), "a texts is text"),
    ],
)
def test_names_what_is_something_else(row: tuple[object, ...], sentence: str) -> None:
    types = Types(Row)
    types.check((1, "x", ()))
    for _ in range(2):
        with pytest.raises(DatabaseError, match=sentence):
            types.check(row)


def test_an_event_is_what_it_should_be() -> None:
    Types(Event).check(an_event())
