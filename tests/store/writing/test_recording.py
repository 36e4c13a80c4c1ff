"""Writing: one life is one run, one batch is one transaction, equal things are stored once."""

import contextlib
import sqlite3
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from execdb.store.account import Account, Loss
from execdb.store.errors import DatabaseError
from execdb.store.event import Creds, End, Event, Exec, Place, text_of
from execdb.store.file.database import Database
from execdb.store.file.sql import dicts, scalar
from execdb.store.ledger.totals import read_totals
from execdb.store.reading.filter import Filter
from execdb.store.reading.history import History
from execdb.store.segments import dictionary
from execdb.store.times import rfc3339
from execdb.store.writing import parents
from execdb.store.writing.parents import Lineage
from execdb.store.writing.recording import Recording
from tests.conftest import (
    BOOT_ID,
    MACHINE,
    START_NS,
    an_exec,
    counts,
    empty,
    recorded,
    some_creds,
)


def begin(database: Database, started_ns: int = START_NS) -> Recording:
    return Recording(database, MACHINE, "0", started_ns)


def stored(database: Database) -> list[Exec]:
    """What is in the history, as it was given to the recorder."""
    return [
        an_exec(
            creds=Creds(*(getattr(e, name) for name in Creds._fields)),
            place=Place(e.cwd, e.cgroup),
            **{n: getattr(e, n) for n in ("time_ns", "boot_ns", "pid", "ppid", "errno", "caller")},
            **{n: getattr(e, n) for n in ("filename", "comm", "argv", "argc", "truncated")},
        )
        for e in History(database).events(Filter())
    ]


def value_of(database: Database, sql: str) -> object:
    with database.reading() as connection:
        return scalar(connection, sql)


@pytest.mark.parametrize("count", [1, 31, 32, 33, 64, 65, 97])
def test_however_many_are_new_each_is_stored_with_its_own(database: Database, count: int) -> None:
    execs = [an_exec(n, argv=("x", f"{n}", f"{n // 2}'\"\\")) for n in range(count)]
    recorded(database, execs)
    assert [event.argv for event in History(database).events(Filter())] == [
        e.command.argv for e in execs
    ]


U32 = st.integers(0, 4_294_967_294)
TEXT = st.binary(max_size=23).map(lambda raw: text_of(raw.replace(b"\0", b"")))
EXECS = st.lists(
    st.builds(
        an_exec,
        st.integers(0, 1_009),
        creds=st.builds(Creds, *[U32] * 3, *[st.none() | U32] * 2, st.none() | TEXT, TEXT),
        place=st.builds(Place, st.none() | TEXT, st.none() | TEXT),
        caller=st.none() | TEXT,
        filename=TEXT,
        comm=TEXT,
        argv=st.lists(TEXT, max_size=5).map(tuple),
        truncated=st.booleans(),
    ),
    max_size=7,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(EXECS, max_size=3))
def test_what_was_written_is_read_back(database: Database, batches: list[list[Exec]]) -> None:
    empty(database)
    recording = begin(database)
    for batch in batches:
        recording.write(batch, [], counts(0))
    written = [event for batch in batches for event in batch]
    assert stored(database) == sorted(written, key=lambda event: event.time_ns)


def test_the_name_of_the_host_may_be_any_bytes(database: Database) -> None:
    machine = replace(MACHINE, host="h\udcffé")
    for turn in range(2):  # the second finds the first
        recording = Recording(database, machine, "0", START_NS + turn)
        recording.write([an_exec(turn)], [], counts(1))
    assert {event.host for event in History(database).events(Filter())} == {machine.host}
    assert {run["host"] for run in read_totals(database).runs} == {machine.host}


def test_the_ids_of_the_rows_are_returned(database: Database) -> None:
    recording = begin(database)
    assert recording.write([an_exec(n) for n in range(23)], [], counts(23)) == [*range(1, 24)]
    assert recording.write([an_exec(23), an_exec(24)], [], counts(25)) == [24, 25]
    assert [e.id for e in History(database).events(Filter())] == list(range(1, 26))


def test_the_ledger_goes_with_the_batch(database: Database) -> None:
    recording = begin(database)
    recording.write([an_exec()], [], counts(1, lost=7))
    assert read_totals(database).runs == [
        {
            "run_id": recording.run_id,
            "host": "workshop",
            "boot_id": BOOT_ID,
            "kernel": "6.1.0",
            "version": "0",
            "started_ns": START_NS,
            "ended_ns": None,
            "ended": None,
            "seen": 8,
            "stored": 1,
            "filtered": 0,
            "lost": 7,
            "pruned": 0,
            "alive_ns": START_NS,
        }
    ]


def test_a_loss_that_goes_on_is_one_row(database: Database) -> None:
    recording = begin(database)
    first = Loss(1, "ring full", START_NS + 5, START_NS + 7, 3)
    recording.write([an_exec()], [], counts(1, lost=3), Account(losses=[first]))
    recording.write([], [], counts(1, lost=8), Account(losses=[first._replace(to_ns=9, lost=8)]))
    begin(database).finish(START_NS + 23, counts(0), Account(losses=[first]))
    with database.reading() as connection:
        cursor = connection.execute("SELECT * FROM losses ORDER BY run_id")
        rows = dicts(cursor, cursor.fetchall())
    assert [(row["run_id"], row["lost"]) for row in rows] == [(1, 8), (2, 3)]
    assert rows[1] == {
        "run_id": 2,
        "host": "workshop",
        "boot_id": BOOT_ID,
        "cause": "ring full",
        "from_ns": START_NS + 5,
        "from_time": rfc3339(START_NS + 5),
        "to_ns": START_NS + 7,
        "to_time": rfc3339(START_NS + 7),
        "lost": 3,
    }


def test_a_crashed_life_ended_with_its_last_sign(database: Database) -> None:
    begin(database).write([], [], counts(0), Account(START_NS + 3, START_NS + 1_009))
    begin(database, START_NS + 10**12)
    run = read_totals(database).runs[1]
    assert [run[name] for name in ("started_ns", "alive_ns", "ended_ns", "ended")] == [
        START_NS + 3,
        START_NS + 1_009,
        START_NS + 1_009,
        "crashed",
    ]


def test_a_clean_end_is_kept(database: Database) -> None:
    recording = begin(database)
    recording.finish(START_NS + 23, counts(0, lost=1))
    (run,) = read_totals(database).runs
    assert (run["ended"], run["ended_ns"], run["lost"]) == ("clean", START_NS + 23, 1)
    begin(database)
    assert read_totals(database).runs[1]["ended"] == "clean"


def test_a_life_without_an_end_is_closed_as_crashed_by_the_next(database: Database) -> None:
    recorded(database, [an_exec(7), an_exec(23)])
    begin(database, START_NS + 10**12)
    second, first = read_totals(database).runs
    assert (first["ended"], first["ended_ns"]) == ("crashed", an_exec(23).time_ns)
    assert (first["stored"], second["ended"]) == (2, None)


def test_a_life_that_recorded_nothing_ended_when_it_began(database: Database) -> None:
    begin(database)
    begin(database, START_NS + 7)
    assert read_totals(database).runs[1]["ended_ns"] == START_NS


def test_equal_commands_and_credentials_are_stored_once(database: Database) -> None:
    recording = recorded(database, [an_exec(n) for n in range(23)])
    recording.write([an_exec(n) for n in range(23, 46)], [], counts(46))
    recording.write([an_exec(46, argv=("other",))], [], counts(47))
    assert value_of(database, "SELECT count(*) FROM command") == 2
    assert value_of(database, "SELECT count(*) FROM origin") == 1


def test_more_commands_than_are_remembered_are_all_right(database: Database) -> None:
    execs = [an_exec(n, argv=(str(n % 9_001),)) for n in range(9_203)]
    assert dictionary._ENTRIES < 2 * 9_001
    recording = recorded(database, execs[:9_103])
    recording.write(execs[9_103:], [], counts(9_203))
    assert value_of(database, "SELECT count(*) FROM segment") == 2
    assert [event.command.argv for event in stored(database)] == [e.command.argv for e in execs]


def test_known_starts_hold_so_much_together(database: Database) -> None:
    """Equal long command lines, each in a control group of its own, which makes another start."""
    recording = begin(database)
    tracemalloc.start()
    for n in range(307):
        argv = tuple(map(str, range(1_009)))
        recording.write([an_exec(n, argv=argv, place=Place("/", str(n)))], [], counts(n))
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 8_000_000


def test_a_batch_that_fails_leaves_nothing_and_spoils_nothing(db: Path, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.image WHEN NEW.pid = 13 "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
    recording = recorded(database, [an_exec(0)])
    fresh = some_creds(7)
    bad = [an_exec(1, argv=("new",), creds=fresh), an_exec(2, pid=13)]
    with pytest.raises(DatabaseError, match="refused"):
        recording.write(bad, [], counts(3))
    assert value_of(database, "SELECT count(*) FROM command") == 1
    assert value_of(database, "SELECT stored FROM runs") == 1

    # The same command again, and another writer's in the place it would have had.
    with Database(db) as other:
        recorded(other, [an_exec(5, argv=("from elsewhere",), creds=some_creds(5))])
    good = [bad[0], an_exec(3)]
    recording.write(good, [], counts(3))
    assert {event.command.argv for event in stored(database)} == {
        ("true",),
        ("new",),
        ("from elsewhere",),
    }
    assert [event for event in stored(database) if event.creds == fresh] == [bad[0]]


class Interrupted(Database):
    """Someone else writes a row right behind each commit."""

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        with super().writing() as connection:
            yield connection
        with Database(self.path) as other:
            recorded(other, [an_exec(5, argv=("from elsewhere",))])


def test_what_others_write_right_behind_a_commit_is_noticed(db: Path) -> None:
    with Interrupted(db) as database:
        recording = begin(database)
        assert recording.write([an_exec(0)], [], counts(1)) == [2]
        assert recording.write([an_exec(7)], [], counts(2)) == [4]


def test_what_is_committed_is_there_for_others_at_once(db: Path, database: Database) -> None:
    recorded(database, [an_exec(n) for n in range(23)])
    plain = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
    assert plain.execute("SELECT count(*) FROM execs").fetchone() == (23,)
    plain.close()


def test_the_state_counts_everything(database: Database) -> None:
    recorded(database, [an_exec(n) for n in (7, 3, 23)])
    state = read_totals(database)
    assert (state.events, state.first_ns, state.last_ns) == (
        3,
        an_exec(3).time_ns,
        an_exec(23).time_ns,
    )
    assert state.size_bytes > 4_096


def key(event: Exec) -> tuple[int, int]:
    return event.boot_ns, event.pid


def events(database: Database) -> list[Event]:
    return list(History(database).events(Filter()))


SHELL = an_exec(0, argv=("sh",))
CHILD = an_exec(1, argv=("child",), parent=key(SHELL))
NEXT = an_exec(2, argv=("next",), pid=CHILD.pid, parent=key(CHILD), replaces=True)


def end(event: Exec, after_ns: int, status: int) -> End:
    return End(event.boot_ns + after_ns, key(event), status)


@pytest.mark.parametrize("batches", [[[SHELL, CHILD, NEXT]], [[SHELL], [CHILD], [NEXT]]])
def test_a_parent_is_a_row(database: Database, batches: list[list[Exec]]) -> None:
    recording = begin(database)
    for batch in batches:
        recording.write(batch, [], counts(0))
    assert [(e.argv[0], e.parent_id, e.ended) for e in events(database)] == [
        ("sh", None, None),
        ("child", 1, "exec"),
        ("next", 2, None),
    ]
    assert events(database)[1].duration_ns == NEXT.boot_ns - CHILD.boot_ns


@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize(
    ("status", "ending"),
    [(0, ("exit", 0, None)), (23 << 8, ("exit", 23, None)), (255 << 8, ("exit", 255, None))]
    + [(9, ("signal", None, 9)), (11 | 0x80, ("signal", None, 11))],
)
def test_an_end_stands_on_the_row_of_its_image(
    database: Database, apart: bool, status: int, ending: tuple[object, ...]
) -> None:
    recording = begin(database)
    ends = [end(SHELL, 1_009, status)]
    recording.write([SHELL, CHILD], [] if apart else ends, counts(2))
    if apart:
        recording.write([], ends, counts(2))
    shell, child = events(database)
    assert (shell.ended, shell.exit_code, shell.signal, shell.duration_ns) == (*ending, 1_009)
    assert (child.ended, child.duration_ns) == (None, None)


def test_what_was_not_stored_after_all_is_nobodys_parent_and_has_no_end(
    database: Database,
) -> None:
    recording = begin(database)
    with pytest.raises(DatabaseError):
        recording.write([SHELL], [], counts(1 << 70))  # SQLite has no such number
    recording.write([CHILD], [end(SHELL, 7, status=9)], counts(1))
    assert [(event.parent_id, event.signal) for event in events(database)] == [(None, None)]


def test_images_that_ended_are_not_remembered_for_ever() -> None:
    known = Lineage(1)
    for batch in range(11):
        images = [(batch, pid) for pid in range(1_009)]
        known.ids |= {image: 1 + batch * 1_009 + at for at, image in enumerate(images)}
        known.let_go(images[1:])  # the first one runs on
    assert 4_096 <= len(known.ids) <= 4_096 + 2 * 1_009
    assert all((batch, 0) in known.ids for batch in range(11))


def test_a_start_that_is_gone_lends_its_identity_to_no_other() -> None:
    entries = dictionary.Dictionary()
    found = set()
    for number in range(1_009):  # each is freed, and the next may get its place in memory
        start = an_exec(argv=(f"{number}",)).start
        found.add((entries.starts.get(id(start)) or entries.ids_of(start))[:4])
    assert len(found) == 1_009


def test_an_end_of_what_was_lost_is_passed_over(database: Database) -> None:
    begin(database).write([SHELL], [end(CHILD, 7, 0)], counts(1))
    assert [event.ended for event in events(database)] == [None]


def test_a_pid_used_again_is_another_image(database: Database) -> None:
    again = SHELL._replace(boot_ns=SHELL.boot_ns + 23, time_ns=SHELL.time_ns + 23)
    child = CHILD._replace(parent=key(again))
    begin(database).write([SHELL, again, child], [end(SHELL, 7, 0)], counts(3))
    first, second, third = events(database)
    assert (first.ended, second.ended, third.parent_id) == ("exit", None, second.id)


def test_who_ran_before_us_has_a_row_of_another_kind(database: Database) -> None:
    init, idle = an_exec(0, argv=("init",), pid=1), an_exec(0, argv=("idle",), pid=7)
    login = an_exec(1, argv=("login",), pid=2, parent=key(init))
    recording = begin(database)
    recording.know([login, idle, init])
    child = an_exec(23, parent=key(login))
    assert recording.write([child], [], counts(1)) == [1]
    assert [(e.id, e.parent_id) for e in events(database)] == [(1, -1)]
    assert History(database).count(Filter()) == read_totals(database).events == 1
    seen = (
        "SELECT group_concat(id || json_extract(argv, '$[0]') || ifnull(parent_id, '')) FROM seen"
    )
    assert value_of(database, seen) == "-3init,-2idle,-1login-3"


def test_an_end_of_what_ran_before_us_is_known(database: Database) -> None:
    login = an_exec(0, argv=("login",), pid=23)
    recording = begin(database)
    recording.know([login])
    recording.write([SHELL], [end(login, 7, 0)], counts(1))
    assert value_of(database, "SELECT ended || duration_ns FROM seen") == "exit7"


def test_what_runs_already_is_stored_before_any_exec_and_in_slices(database: Database) -> None:
    init, login, shell = (an_exec(n, argv=(f"{n}",), pid=n) for n in (1, 5, 7))
    recording = begin(database)
    assert recording.know([init]) == [key(init)]
    assert recording.know([login._replace(parent=key(init))]) == [key(login)]
    recording.write([an_exec(23, parent=key(login), argv=("a",))], [], counts(1))
    recording.know([shell._replace(parent=key(login))])  # while something is recorded
    recording.write([an_exec(29, parent=key(shell), argv=("b",))], [end(shell, 7, 0)], counts(2))
    assert [(e.id, e.parent_id) for e in events(database)] == [(1, -2), (2, -3)]
    assert [e.argv[0] for e in events(database)] == ["a", "b"]
    seen = "SELECT group_concat(id || argv || ifnull(parent_id, '') || ifnull(ended, '')) FROM seen"
    assert value_of(database, seen) == '-3["7"]-2exit,-2["5"]-1,-1["1"]'


def test_what_is_seen_again_in_one_life_has_execd_and_names_what_it_was(database: Database) -> None:
    shell, editor = (an_exec(0, argv=(name,), pid=23) for name in ("sh", "vi"))
    recording = begin(database)
    recording.know([shell])
    assert recording.know([editor]) == [key(shell)]
    recording.write([an_exec(3, parent=key(editor))], [end(editor, 7, 0)], counts(1))
    assert [e.parent_id for e in events(database)] == [-2]
    seen = "SELECT group_concat(id || argv || ifnull(parent_id, '') || ifnull(ended, '')) FROM seen"
    assert value_of(database, seen) == '-2["vi"]-1exit,-1["sh"]'


def test_what_could_not_be_stored_can_be_tried_again(database: Database) -> None:
    init, login = an_exec(0, argv=("init",), pid=1), an_exec(1, argv=("login",), pid=23)
    recording = begin(database)
    recording.know([init])
    with database.writing() as connection:
        connection.execute(
            "CREATE TEMP TRIGGER refuse BEFORE INSERT ON main.image"
            " BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
    batch = [an_exec(2, parent=key(login)), an_exec(3, parent=key(init))]
    with pytest.raises(DatabaseError):
        recording.know([login])
    with pytest.raises(DatabaseError):
        recording.write(batch, [], counts(2))
    with database.writing() as connection:
        connection.execute("DROP TRIGGER refuse")
    recording.know([login])
    recording.write(batch, [], counts(2))
    assert [e.parent_id for e in events(database)] == [-2, -1]
    assert value_of(database, "SELECT group_concat(pid) FROM seen") == "23,1"


def test_descendants_and_only_those(database: Database) -> None:
    other = an_exec(3, argv=("other",))
    begin(database).write([SHELL, CHILD, NEXT, other], [], counts(4))
    history = History(database)
    assert [e.argv[0] for e in history.events(Filter(descendants_of=1))] == ["child", "next"]
    assert history.count(Filter(descendants_of=3)) == 0


def test_of_many_that_run_the_oldest_are_looked_up(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded where ends never come; parents and ends find their rows all the same."""
    monkeypatch.setattr(parents, "_KNOWN", 23)
    recording = Recording(database, MACHINE, "0", START_NS)
    first = [an_exec(n) for n in range(97)]
    for at in range(0, 97, 7):
        recording.write(first[at : at + 7], [], counts(at + 7))
    assert len(recording._lineage.ids) <= 23
    children = [
        an_exec(200 + n, parent=(event.boot_ns, event.pid)) for n, event in enumerate(first)
    ]
    ends = [End(event.boot_ns + 10**12, (event.boot_ns, event.pid), 0) for event in first]
    recording.write(children, ends, counts(194))
    events = list(History(database).events(Filter()))
    assert [event.parent_id for event in events[97:]] == [event.id for event in events[:97]]
    assert [event.duration_ns for event in events[:97]] == [10**12] * 97
