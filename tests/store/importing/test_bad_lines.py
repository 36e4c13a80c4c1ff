"""Lines that are no events: refused by number with a sentence, and nothing is imported."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from execdb.store.errors import BadEvent
from execdb.store.fields import to_dict
from execdb.store.file.database import Database
from execdb.store.importing import importer, sources
from execdb.store.importing.importer import import_lines
from tests.conftest import an_event
from tests.store.importing.exports import (
    history,
    lines_of,
)


def with_(**changes: Any) -> str:
    return json.dumps(to_dict(an_event()) | changes)


def without(key: str) -> str:
    values = to_dict(an_event())
    del values[key]
    return json.dumps(values)


BAD_LINES = {
    "nothing": "",
    "no JSON": "pid 23",
    "half a line": with_()[:23],
    "two on a line": with_() + with_(),
    "a list": "[]",
    "a number": "23",
    "null": "null",
    "far too deep": "[" * 100_003,
    "a key unknown": with_(colour="red"),
    "no pid": without("pid"),
    "no argv": without("argv"),
    "no message": without("message"),
    "pid negative": with_(pid=-1),
    "pid of 33 bits": with_(pid=1 << 32),
    "uid a text": with_(uid="0"),
    "uid a boolean": with_(uid=False),
    "uid null": with_(uid=None),
    "uid a fraction": with_(uid=0.5),
    "uid a whole float": with_(uid=1.0),
    "time of 64 bits": with_(time_ns=1 << 63),
    "time of thousands of digits": with_().replace('"pid": 1000', '"pid": ' + "9" * 5_003),
    "time infinite": with_(time_ns=float("inf")),
    "boot_ns negative": with_(boot_ns=-1),
    "comm a number": with_(comm=23),
    "comm null": with_(comm=None),
    "comm with a NUL": with_(comm="a\0b"),
    "filename with a lone surrogate": with_(filename="\ud800"),
    "message with a lone surrogate": with_(message="é\udfff"),
    "host with a surrogate of no byte": with_(host="\udc7f"),
    "argv a text": with_(argv="ls"),
    "argv of numbers": with_(argv=[1]),
    "argv with null": with_(argv=[None]),
    "argv with a NUL": with_(argv=["a\0"]),
    "argv with a lone surrogate": with_(argv=["\ud800"]),
    "argv longer than can be read again": with_(argv=["x" * 9_000_000] * 2, argc=2),
    "argc a boolean": with_(argc=True),
    "argc another": with_(argc=23),
    "truncated a number": with_(truncated=1),
    "truncated null": with_(truncated=None),
    "an exit code of 9 bits": with_(exit_code=256),
    "a signal of 8 bits": with_(signal=128),
    "an exit code and a signal": with_(exit_code=0, signal=9),
    "an exit by signal": with_(ended="exit", signal=9),
    "an end of no kind": with_(ended="sleep"),
    "a duration negative": with_(duration_ns=-1),
    "loginuid a text": with_(loginuid="0"),
    "cwd with a NUL": with_(cwd="/\0"),
    "id a text": with_(id="1"),
    "parent_id a text": with_(parent_id="1"),
    "a host without end": with_(host="x" * 257),
    "parent_id of 65 bits": with_(parent_id=-(1 << 64)),
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_what_is_no_event_is_named_and_nothing_is_imported(database: Database, bad: str) -> None:
    lines = [*lines_of([an_event(1)]), bad + "\n", *lines_of([an_event(2)])]
    with pytest.raises(BadEvent, match="line 2: ") as caught:
        import_lines(database, lines)
    assert "\n" not in str(caught.value)
    assert history(database) == []


@pytest.mark.parametrize("at_hand", [False, True])
@pytest.mark.parametrize("pause", [None, lambda: None], ids=["alone", "beside a collector"])
def test_a_bad_line_far_down_undoes_all_before_it(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    at_hand: bool,
    pause: Callable[[], None] | None,
) -> None:
    monkeypatch.setattr(importer, "_CHUNK", 997)
    monkeypatch.setattr(importer, "_SLICE_S", -1)
    lines = lines_of([an_event(n) for n in range(5_003)])
    with pytest.raises(BadEvent, match="line 5004: "):
        import_lines(database, [*lines, "x"], pause, at_hand=at_hand)
    assert history(database) == []
    assert import_lines(database, lines, pause, at_hand=at_hand) == (5_003, 0, 0, 0)


def test_boots_without_end_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BOOTS_MAX", 23)
    lines = lines_of([an_event(n, boot_id=str(n)) for n in range(24)])
    with pytest.raises(BadEvent, match="line 24: more than 23 boots"):
        import_lines(database, lines)
    assert import_lines(database, lines[:23]).added == 23
