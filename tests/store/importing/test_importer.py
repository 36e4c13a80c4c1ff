"""Import: what query writes comes back the same, once; other lines are refused by number."""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execdb.store.errors import BadEvent, DatabaseBusy
from execdb.store.event import Event, text_of
from execdb.store.fields import to_dict
from execdb.store.file.database import Database, open_database
from execdb.store.file.sql import scalar
from execdb.store.importing import importer, sources
from execdb.store.importing.importer import import_lines
from execdb.store.json_text import json_of
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from tests.conftest import START_NS, an_event, an_exec, counts, recorded


def lines_of(events: Iterable[Event]) -> list[str]:
    return [json_of(to_dict(event)) + "\n" for event in events]


def history(database: Database) -> list[Event]:
    """The events, without what belongs to this file alone."""
    return [event._replace(id=0, run_id=0) for event in History(database).events(Filter())]


def identity(event: Event) -> tuple[object, ...]:
    return event.boot_id, event.boot_ns, event.pid, event.time_ns


U32 = st.integers(0, (1 << 32) - 1)
U63 = st.integers(0, (1 << 63) - 1)
TEXT = st.binary(max_size=17).map(lambda raw: text_of(raw.replace(b"\0", b"")))
ARGV = st.lists(st.one_of(TEXT, st.just("")), max_size=5).map(tuple)
EVENTS = st.lists(
    st.builds(
        an_event,
        time_ns=U63,
        boot_ns=U63,
        boot_id=st.sampled_from(["one", "é"]),
        host=st.sampled_from(["here", "日本"]),
        pid=U32,
        ppid=U32,
        uid=U32,
        euid=U32,
        gid=U32,
        comm=TEXT,
        filename=TEXT,
        argv=ARGV,
        message=TEXT,
        loginuid=st.none() | U32,
        sessionid=st.none() | U32,
        tty=st.none() | TEXT,
        cwd=st.none() | TEXT,
        cgroup=st.none() | TEXT,
        errno=st.none() | st.just("ENOENT"),
        caller=st.none() | TEXT,
        id=st.just(0),
    ),
    max_size=7,
    unique_by=identity,
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


def test_a_bad_line_far_down_undoes_all_before_it(database: Database) -> None:
    lines = lines_of([an_event(n) for n in range(5_003)])
    with pytest.raises(BadEvent, match="line 5004: "):
        import_lines(database, [*lines, "x"])
    assert history(database) == []
    assert import_lines(database, lines) == (5_003, 0, 0, 0)


def parents(database: Database) -> dict[int, int | None]:
    """Which pid started which, through the ids of this file."""
    events = list(History(database).events(Filter()))
    pid_of = {event.id: event.pid for event in events}
    return {e.pid: None if e.parent_id is None else pid_of[e.parent_id] for e in events}


def family(first_id: int) -> list[Event]:
    """The child stands before its parent; the last one's parent is not in the file."""
    ids = [first_id + n for n in range(4)]
    return [
        an_event(1, id=ids[1], pid=2, parent_id=ids[0]),
        an_event(0, id=ids[0], pid=3),
        an_event(2, id=ids[2], pid=5, parent_id=ids[0]),
        an_event(3, id=ids[3], pid=7, parent_id=1_009),
    ]


FAMILY = {2: 3, 3: None, 5: 3, 7: None}


def test_parents_get_the_ids_they_have_here(database: Database) -> None:
    recorded(database, [an_exec(n, pid=100 + n) for n in range(23, 46)])
    import_lines(database, lines_of(family(23)))
    assert parents(database).items() >= FAMILY.items()
    import_lines(database, lines_of(family(23)))
    assert parents(database).items() >= FAMILY.items()


def test_a_parent_that_was_only_seen_is_unknown_elsewhere(database: Database) -> None:
    import_lines(database, lines_of([an_event(parent_id=-7), an_event(1, parent_id=-1)]))
    assert parents(database) == {1_000: None, 1_001: None}


def test_a_file_that_repeats_itself_keeps_its_parents(database: Database) -> None:
    import_lines(database, lines_of(family(23) * 2))
    assert parents(database) == FAMILY


def test_a_parent_may_have_been_imported_before(database: Database) -> None:
    child, parent, *_ = lines_of(family(23))
    import_lines(database, [parent])
    import_lines(database, [parent, child])
    assert parents(database) == {2: 3, 3: None}


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


# What a later file knows more


def running(n: int, **changes: Any) -> Event:
    return an_event(n, **changes)


def over(n: int, **changes: Any) -> Event:
    return an_event(n, **{"ended": "exit", "exit_code": 7, "duration_ns": 11} | changes)


@pytest.mark.parametrize("together", [False, True])
def test_an_end_reaches_the_row_that_was_imported_before(
    database: Database, together: bool
) -> None:
    early = lines_of([running(0), running(1), over(2)])
    late = lines_of([over(0), running(1), over(2, exit_code=9), over(3)])
    if together:
        assert import_lines(database, early + late) == (4, 3, 1, 0)
    else:
        import_lines(database, early)
        assert import_lines(database, late) == (1, 3, 1, 0)
    ends = [(event.exit_code, event.duration_ns) for event in history(database)]
    assert ends == [(7, 11), (None, None), (7, 11), (7, 11)]
    assert import_lines(database, early + late) == (0, 7, 0, 0)


def test_an_end_reaches_a_row_that_was_recorded_here_and_lacks_it(database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(3)])
    attempt = an_exec(3, errno="ENOENT", caller="sh")
    recorded(database, [attempt])
    lines = lines_of([over(1), over(2, ended="exec", exit_code=None), over(3)])
    assert import_lines(database, lines) == (0, 3, 2, 0)
    assert [event.ended for event in history(database)] == [None, "exit", "exec", None]


def test_a_parent_reaches_the_row_that_was_imported_before(database: Database) -> None:
    *_, child = family_of_two()
    assert import_lines(database, lines_of([child])) == (1, 0, 0, 1)
    assert import_lines(database, lines_of(family_of_two())) == (1, 1, 0, 0)
    assert parents(database) == {2: None, 3: 2}
    (parent, _) = History(database).events(Filter())
    assert len(list(History(database).events(Filter(descendants_of=parent.id)))) == 1


# Which lines an id means


def family_of_two(first_id: int = 1, at: int = 0, pid: int = 2, **changes: Any) -> list[Event]:
    """A shell, and what a subshell of it has started: its ppid is no pid of a row."""
    return [
        an_event(at, id=first_id, pid=pid, **changes),
        an_event(at + 1, id=first_id + 1, pid=pid + 1, ppid=9_999, parent_id=first_id, **changes),
    ]


def test_days_of_one_boot_one_after_the_other_keep_their_parents_apart(database: Database) -> None:
    day_1, day_2 = family_of_two(at=0, pid=2), family_of_two(at=50, pid=12)
    assert import_lines(database, lines_of(day_1 + day_2)) == (4, 0, 0, 0)
    assert parents(database) == {2: None, 3: 2, 12: None, 13: 12}


def test_an_id_of_another_day_is_no_parent(database: Database) -> None:
    shell, child = family_of_two(at=50, pid=12)
    found = import_lines(database, lines_of([*family_of_two(), child]))
    assert found == (3, 0, 0, 1)  # its own parent is not in the file
    assert parents(database) == {2: None, 3: 2, 13: None}
    assert import_lines(database, lines_of([shell])).orphans == 0


@pytest.mark.parametrize("order", [1, -1])
def test_databases_of_one_time_one_after_the_other(database: Database, order: int) -> None:
    one = [event for n in range(3) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    two = [event for n in range(3) for event in family_of_two(1 + 2 * n, 10 * n + 5, 7 + 10 * n)]
    lines = lines_of(one[::order] + two[::order])
    assert import_lines(database, lines) == (12, 0, 0, 0)
    shells = range(2, 28, 5)
    expected = dict.fromkeys(shells) | {pid + 1: pid for pid in shells}
    assert parents(database) == expected


def test_machines_that_count_alike_keep_their_parents_apart(database: Database) -> None:
    lines = lines_of(family_of_two() + family_of_two(host="far", boot_id="far", pid=12))
    assert import_lines(database, lines) == (4, 0, 0, 0)
    assert parents(database) == {2: None, 3: 2, 12: None, 13: 12}


def test_the_order_of_the_lines_does_not_matter(database: Database) -> None:
    events = [event for n in range(23) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    Random(7).shuffle(events)
    assert import_lines(database, lines_of(events)) == (46, 0, 0, 0)
    assert all(parent == pid - 1 for pid, parent in parents(database).items() if pid % 10 == 3)


def test_a_parent_in_another_part_is_believed_if_it_is_the_process_of_the_child(
    database: Database,
) -> None:
    parent = an_event(0, id=7, pid=2)
    forked = an_event(5, id=3, pid=3, ppid=2, parent_id=7)  # ids and times do not agree
    stranger = an_event(6, id=2, pid=4, ppid=8, parent_id=7)
    assert import_lines(database, lines_of([parent, forked, stranger])) == (3, 0, 0, 1)
    assert parents(database) == {2: None, 3: 2, 4: None}


def test_ids_and_times_at_the_end_of_their_range(database: Database) -> None:
    last = (1 << 63) - 1
    moment = {"time_ns": last, "boot_ns": last}
    events = [
        an_event(id=last - 1, pid=2, **moment),
        an_event(id=last, pid=3, ppid=2, parent_id=last - 1, **moment),
        an_event(1, id=last - 2, pid=4, parent_id=last),
        an_event(2, id=5, pid=5, parent_id=-last),
        an_event(3, id=6, pid=6, parent_id=6),
    ]
    assert import_lines(database, lines_of(events)) == (5, 0, 0, 2)
    assert parents(database) == {2: None, 3: 2, 4: None, 5: None, 6: None}


def test_the_database_is_free_while_lines_are_awaited(db: Path) -> None:
    """Who records may store between any two of them."""
    with open_database(db) as database, open_database(db, busy_ms=0) as recorder:

        def slowly() -> Iterator[str]:
            for n in range(3):
                yield from lines_of([an_event(n)])
                recorded(recorder, [an_exec(n + 100)])

        assert import_lines(database, slowly()) == (3, 0, 0, 0)
        assert len(history(database)) == 6


def in_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importer, "_CHUNK", 7)
    monkeypatch.setattr(importer, "_SLICE_S", -1)


def test_a_recorder_gets_in_between_while_an_import_is_stored(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch)
    events = [event for n in range(23) for event in family_of_two(1 + 2 * n, 10 * n, 2 + 10 * n)]
    late = [event._replace(ended="exit", exit_code=0) for event in events]
    with open_database(db) as database, open_database(db, busy_ms=0) as recorder:
        pauses: list[int] = []

        def pause() -> None:
            pauses.append(len(pauses))
            recorded(recorder, [an_exec(5_000 + len(pauses), pid=7)])

        assert import_lines(database, lines_of(events + late), pause) == (46, 46, 46, 0)
        assert len(pauses) > 12
        found = parents(database)
        assert all(found[2 + 10 * n] is None for n in range(23))
        assert all(found[3 + 10 * n] == 2 + 10 * n for n in range(23))
        assert len(history(database)) == 46 + len(pauses)


def test_a_database_that_fails_in_between_tells_how_far_it_got(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_slices(monkeypatch)
    lines = lines_of([an_event(n) for n in range(46)])
    with open_database(db) as database:
        monkeypatch.setattr(importer, "_PATIENCE_MS", 0)
        with open_database(db) as other:
            begin = iter([None, other.connection])

            def pause() -> None:
                connection = next(begin)
                if connection is not None:
                    connection.execute("BEGIN IMMEDIATE")

            with pytest.raises(DatabaseBusy, match="; 14 execs are imported, the same again adds"):
                import_lines(database, lines, pause)
        assert import_lines(database, lines) == (32, 14, 0, 0)


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


def test_boots_without_end_are_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BOOTS_MAX", 23)
    lines = lines_of([an_event(n, boot_id=str(n)) for n in range(24)])
    with pytest.raises(BadEvent, match="line 24: more than 23 boots"):
        import_lines(database, lines)
    assert import_lines(database, lines[:23]).added == 23


def test_a_number_is_not_rounded_on_its_way(database: Database) -> None:
    last = (1 << 63) - 1
    import_lines(database, lines_of([an_event(time_ns=last, boot_ns=last - 1)]))
    assert history(database)[0][2:4] == (last, last - 1)
