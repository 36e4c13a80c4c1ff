"""Import: what query writes comes back the same, once; what is no event is refused with its line."""

import json
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.store.database import Database, open_database
from execdb.store.errors import BadEvent
from execdb.store.event import Event, json_of, text_of, to_dict
from execdb.store.history import Filter, History
from execdb.store.transfer import import_lines
from tests.conftest import an_event, an_exec, counts, recorded


def lines_of(events: Iterable[Event]) -> list[str]:
    return [json_of(to_dict(event)) + "\n" for event in events]


def history(database: Database) -> list[Event]:
    """The events, without what belongs to this file alone."""
    return [event._replace(id=0, run_id=0) for event in History(database).events(Filter())]


U32 = st.integers(0, (1 << 32) - 1)
U63 = st.integers(0, (1 << 63) - 1)
TEXT = st.binary(max_size=17).map(lambda raw: text_of(raw.replace(b"\0", b"")))
ARGV = st.lists(st.one_of(TEXT, st.just("")), max_size=5).map(tuple)
EVENTS = st.lists(
    st.builds(
        an_event,
        time_ns=U63,
        boot_ns=U63,
        boot_id=TEXT,
        host=TEXT,
        pid=U32,
        ppid=U32,
        uid=U32,
        euid=U32,
        gid=U32,
        comm=TEXT,
        filename=TEXT,
        argv=ARGV,
        message=TEXT,
    ),
    max_size=7,
    unique_by=lambda event: (event.boot_id, event.boot_ns, event.pid, event.time_ns),
)


@settings(max_examples=60)
@given(events=EVENTS, cut=st.integers(0, 5))
def test_what_is_written_out_comes_back_the_same(
    template: Path, events: list[Event], cut: int
) -> None:
    events = [e._replace(truncated=cut > 0, argc=e.argc + cut) for e in events]
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(template, Path(folder, "execdb.db"))
        with open_database(Path(path)) as database:
            assert import_lines(database, lines_of(events)) == (len(events), 0)
            found = history(database)
            assert import_lines(database, lines_of(events)) == (0, len(events))
            assert history(database) == found
    expected = [event._replace(id=0, run_id=0) for event in events]
    assert found == sorted(expected, key=lambda event: event.time_ns)


def test_what_was_recorded_here_is_not_added_again(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    lines = lines_of(History(database).events(Filter()))
    more = lines_of([an_event(n) for n in range(29)])
    assert import_lines(database, lines + more) == (6, 46)
    assert len(history(database)) == 29


def test_a_file_that_repeats_itself_is_taken_once(database: Database) -> None:
    lines = lines_of([an_event(n) for n in range(1_009)])
    assert import_lines(database, lines * 3) == (1_009, 2_018)


def test_the_same_moment_in_two_boots_is_two_events(database: Database) -> None:
    events = [an_event(boot_id="one"), an_event(boot_id="two")]
    assert import_lines(database, lines_of(events)) == (2, 0)


def test_imported_events_are_no_collector_life(database: Database) -> None:
    import_lines(database, lines_of([an_event()]))
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM runs").scalar() == 0


def test_recording_goes_on_after_an_import(database: Database) -> None:
    recording = recorded(database, [an_exec(0)])
    import_lines(database, lines_of([an_event(1, argv=("imported",), uid=7)]))
    recording.write([an_exec(2), an_exec(3, argv=("new",))], counts(3))
    assert [event.argv for event in history(database)] == [
        ("true",),
        ("imported",),
        ("true",),
        ("new",),
    ]


def test_only_what_makes_an_event_is_needed(database: Database) -> None:
    values = to_dict(an_event())
    needed = {
        key: values[key]
        for key in ("time_ns", "boot_ns", "boot_id", "host", "pid", "ppid", "uid", "euid", "gid")
        + ("comm", "filename", "argv", "message")
    }
    assert import_lines(database, [json.dumps(needed)]) == (1, 0)
    assert history(database) == [an_event(id=0, run_id=0)]


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
    "argc a boolean": with_(argc=True),
    "argc another": with_(argc=23),
    "truncated a number": with_(truncated=1),
    "truncated null": with_(truncated=None),
}


@pytest.mark.parametrize("bad", BAD_LINES.values(), ids=BAD_LINES)
def test_what_is_no_event_is_named_and_nothing_is_imported(database: Database, bad: str) -> None:
    lines = [*lines_of([an_event(1)]), bad + "\n", *lines_of([an_event(2)])]
    with pytest.raises(BadEvent, match="line 2: ") as caught:
        import_lines(database, lines)
    assert "\n" not in str(caught.value)
    assert history(database) == []


def test_a_bad_line_far_down_undoes_all_before_it(database: Database) -> None:
    lines = lines_of([an_event(n) for n in range(5_003)])
    with pytest.raises(BadEvent, match="line 5004: "):
        import_lines(database, [*lines, "x"])
    assert history(database) == []
    assert import_lines(database, lines) == (5_003, 0)


def test_a_number_is_not_rounded_on_its_way(database: Database) -> None:
    last = (1 << 63) - 1
    import_lines(database, lines_of([an_event(time_ns=last, boot_ns=last - 1)]))
    assert history(database)[0][2:4] == (last, last - 1)
