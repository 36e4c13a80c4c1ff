"""Import: what query writes comes back the same, once."""

import json
import shutil
import tempfile
from pathlib import Path
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.store.errors import BadEvent
from execdb.store.event import Event
from execdb.store.fields import to_dict
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.importing.importer import import_lines
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, an_event, an_exec, counts, recorded
from tests.store.importing.exports import (
    EVENTS,
    history,
    identity,
    lines_of,
)


@settings(max_examples=40)
@given(events=EVENTS, cut=st.integers(0, 5))
def test_what_is_written_out_comes_back_the_same(
    template: Path, events: list[Event], cut: int
) -> None:
    ends = [
        (None, None, None),
        ("exit", cut, None),
        ("signal", None, cut + 1),
        ("exec", None, None),
    ]
    events = [
        e._replace(
            truncated=cut > 0,
            argc=e.argc + cut,
            duration_ns=cut,
            **dict(zip(("ended", "exit_code", "signal"), ends[cut % 4], strict=True)),
        )
        for e in events
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = shutil.copy(template, Path(folder, "execdb.db"))
        with open_database(Path(path)) as database:
            assert import_lines(database, lines_of(events)) == (len(events), 0, 0, 0)
            found = history(database)
            assert import_lines(database, lines_of(events)) == (0, len(events), 0, 0)
            assert history(database) == found
    expected = [event._replace(id=0, run_id=0) for event in events]
    assert sorted(found, key=identity) == sorted(expected, key=identity)


def test_what_was_recorded_here_is_not_added_again(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    lines = lines_of(History(database).events(Filter()))
    more = lines_of([an_event(n) for n in range(29)])
    assert import_lines(database, lines + more) == (6, 46, 0, 0)
    assert len(history(database)) == 29


def test_a_file_that_repeats_itself_is_taken_once(database: Database) -> None:
    lines = lines_of([an_event(n) for n in range(1_009)])
    assert import_lines(database, lines * 3) == (1_009, 2_018, 0, 0)


def test_the_same_moment_in_two_boots_is_two_events(database: Database) -> None:
    events = [an_event(boot_id="one"), an_event(boot_id="two")]
    assert import_lines(database, lines_of(events)) == (2, 0, 0, 0)


def test_imported_events_are_no_collector_life(database: Database) -> None:
    import_lines(database, lines_of([an_event()]))
    with database.reading() as connection:
        assert scalar(connection, "SELECT count(*) FROM runs") == 0


def test_recording_goes_on_after_an_import(database: Database) -> None:
    recording = recorded(database, [an_exec(0)])
    import_lines(database, lines_of([an_event(1, argv=("imported",), uid=7)]))
    recording.write([an_exec(2), an_exec(3, argv=("new",))], [], counts(3))
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
    assert import_lines(database, [json.dumps(needed)]) == (1, 0, 0, 0)
    assert history(database) == [an_event(id=0, run_id=0)]


@pytest.mark.parametrize("key", ["host", "boot_id"])
def test_a_machine_whose_name_is_not_utf_8_is_taken_or_refused(
    database: Database, key: str
) -> None:
    event = an_event(id=0, run_id=0, **{key: "\udcff"})
    try:
        import_lines(database, lines_of([event]))
    except BadEvent:
        return
    assert import_lines(database, lines_of([event])) == (0, 1, 0, 0)
    assert history(database) == [event]


def test_many_boots_and_settings_of_the_clock_take_their_time_and_no_more(
    database: Database,
) -> None:
    taken = {}
    for size in (1_009, 4_036):
        boots = [an_event(n, boot_id=f"{size} {n}") for n in range(size)]
        clocks = [an_event(n, time_ns=START_NS + n * 7 + size) for n in range(size)]
        started_s = process_time()
        assert import_lines(database, lines_of(boots + clocks)).added == 2 * size
        assert import_lines(database, lines_of(boots + clocks)).known == 2 * size
        taken[size] = process_time() - started_s
    assert taken[4_036] < 9 * taken[1_009], taken  # 4 times; the square would be 16


def test_a_number_is_not_rounded_on_its_way(database: Database) -> None:
    last = (1 << 63) - 1
    import_lines(database, lines_of([an_event(time_ns=last, boot_ns=last - 1)]))
    assert history(database)[0][2:4] == (last, last - 1)
